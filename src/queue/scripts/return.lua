-- ARGV: id, worker, delay in milliseconds, whether the attempt counts (1 or 0). The job waits again.
local id = ARGV[1]
if get(id, 'worker') ~= ARGV[2] then return 0 end
redis.call('ZREM', key('running'), id)
if ARGV[4] == '0' then redis.call('HINCRBY', job(id), 'attempts', -1) end
if tonumber(ARGV[3]) > 0 then delay(id, tonumber(ARGV[3])) else wait(id) end
return 1

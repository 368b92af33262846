-- ARGV: id, whether a running one is cancelled too (1 or 0). A job that waits is forgotten. Returns what the job was.
local id, state = ARGV[1], get(ARGV[1], 'state')
if not state then return '' end
if state == 'waiting' then
    forget(id)
elseif ARGV[2] == '1' then
    redis.call('HSET', job(id), 'cancelled', '1')
end
return state

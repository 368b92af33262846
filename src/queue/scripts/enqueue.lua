-- ARGV: id, user, model. Adds a job unless Redis knows it; 1 if it was added.
local id = ARGV[1]
if redis.call('EXISTS', job(id)) == 1 then return 0 end
redis.call('HSET', job(id), 'user', ARGV[2], 'model', ARGV[3], 'attempts', 0, 'order', tick(), 'since', now)
wait(id)
return 1

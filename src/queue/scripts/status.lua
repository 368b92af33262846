-- ARGV: the time for which a worker counts as alive. Returns whether Redis is complete, the workers that are alive, and the
-- waiting and running jobs.
redis.call('ZREMRANGEBYSCORE', key('workers'), '-inf', now - 3600000)
local waiting = redis.call('ZCARD', key('delayed'))
for _, user in ipairs(redis.call('SMEMBERS', key('users'))) do
    waiting = waiting + redis.call('ZCARD', key('waiting:' .. user))
end
return {redis.call('EXISTS', key('complete')), redis.call('ZCOUNT', key('workers'), now - tonumber(ARGV[1]), '+inf'),
    waiting, redis.call('ZCARD', key('running'))}

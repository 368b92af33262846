-- ARGV: worker, lease in milliseconds, then id, user, model, phase and done of each job that the worker has. Returns the
-- cancelled ones among them.
local worker, lease = ARGV[1], tonumber(ARGV[2])
redis.call('ZADD', key('workers'), now, worker)
local cancelled = {}
for i = 3, #ARGV, 5 do
    local id = ARGV[i]
    if redis.call('EXISTS', job(id)) == 0 then
        -- Redis was emptied.
        redis.call('HSET', job(id), 'user', ARGV[i + 1], 'model', ARGV[i + 2], 'attempts', 1, 'order', tick(), 'since', now,
            'state', 'waiting', 'worker', '')
    end
    local expires = tonumber(redis.call('ZSCORE', key('running'), id) or '0')
    local is_of_another = get(id, 'state') == 'running' and get(id, 'worker') ~= worker and expires > now
    -- The other one finds that this one still has the job, and returns it.
    if not is_of_another then
        stop_waiting(id)
        redis.call('HSET', job(id), 'state', 'running', 'worker', worker, 'phase', ARGV[i + 3], 'done', ARGV[i + 4])
        redis.call('ZADD', key('running'), now + lease, id)
    end
    if get(id, 'cancelled') then table.insert(cancelled, id) end
end
return cancelled

-- ARGV: worker, lease in milliseconds, maximum of attempts, maximum of running jobs of a user (0: none), back-off in milliseconds.
-- Returns the id of a job or '', its attempts, and how many jobs of workers that have ended wait again.
local worker, lease, max_attempts, share, back_off =
    ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZADD', key('workers'), now, worker)

local function start(id)
    redis.call('HSET', job(id), 'state', 'running', 'worker', worker, 'phase', 'waiting', 'done', '0')
    redis.call('ZADD', key('running'), now + lease, id)
end

-- Jobs whose lease has expired wait again, longer each time. One that has had all its attempts is taken by this worker, which
-- sets it aside.
local again, spent = 0, nil
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('running'), '-inf', now)) do
    local attempts = tonumber(get(id, 'attempts') or '0')
    if not get(id, 'user') then
        redis.call('ZREM', key('running'), id)
    elseif attempts >= max_attempts then
        spent = spent or id
    else
        redis.call('ZREM', key('running'), id)
        delay(id, back_off * 2 ^ (attempts - 1))
        again = again + 1
    end
end
if spent then
    start(spent)
    return {spent, redis.call('HINCRBY', job(spent), 'attempts', 1), again}
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('delayed'), '-inf', now)) do
    redis.call('ZREM', key('delayed'), id)
    if get(id, 'user') then wait(id) end
end

-- The rule of src/jobs/fair.rs: the user with the fewest running jobs, and among these the one whose last job began first.
-- A model is trained by one worker at a time.
local running, busy = {}, {}
for _, id in ipairs(redis.call('ZRANGE', key('running'), 0, -1)) do
    local user, model = get(id, 'user'), get(id, 'model')
    if user then running[user] = (running[user] or 0) + 1 end
    if model and model ~= '' then busy[model] = true end
end
local users = {}
for _, user in ipairs(redis.call('SMEMBERS', key('users'))) do
    local count = running[user] or 0
    if share == 0 or count < share then
        local begun = tonumber(redis.call('HGET', key('starts'), user) or '0')
        table.insert(users, {name = user, running = count, begun = begun})
    end
end
table.sort(users, function(a, b)
    if a.running ~= b.running then return a.running < b.running end
    if a.begun ~= b.begun then return a.begun < b.begun end
    return a.name < b.name
end)
for _, user in ipairs(users) do
    for _, id in ipairs(redis.call('ZRANGE', key('waiting:' .. user.name), 0, 99)) do
        local model = get(id, 'model')
        if not model then
            redis.call('ZREM', key('waiting:' .. user.name), id)
        elseif not busy[model] then
            stop_waiting(id)
            start(id)
            redis.call('HSET', key('starts'), user.name, tick())
            return {id, redis.call('HINCRBY', job(id), 'attempts', 1), again}
        end
    end
end
return {'', 0, again}

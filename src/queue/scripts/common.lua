-- What all scripts share. Redis runs a script as a whole, so that no other client sees a half-made change.
--
-- job:ID         user, model, state (waiting or running), attempts, since, order, worker, phase, done, cancelled
-- waiting:USER   the jobs of a user that can start, by their order
-- users          the users that have some
-- delayed        jobs that wait for a time, in milliseconds
-- running        jobs that a worker has, by the end of its lease
-- starts         when the last job of a user began, in starts of all jobs
-- workers        the workers, by their last sign of life
-- complete       there unless Redis was emptied
local prefix = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function key(name) return prefix .. name end
local function job(id) return prefix .. 'job:' .. id end
local function get(id, field) return redis.call('HGET', job(id), field) end
local function tick() return redis.call('INCR', key('clock')) end

local function wait(id)
    local user = get(id, 'user')
    redis.call('HSET', job(id), 'state', 'waiting', 'worker', '')
    redis.call('ZADD', key('waiting:' .. user), get(id, 'order'), id)
    redis.call('SADD', key('users'), user)
end

local function stop_waiting(id)
    local user = get(id, 'user')
    redis.call('ZREM', key('delayed'), id)
    if user then
        redis.call('ZREM', key('waiting:' .. user), id)
        if redis.call('EXISTS', key('waiting:' .. user)) == 0 then redis.call('SREM', key('users'), user) end
    end
end

local function delay(id, milliseconds)
    redis.call('HSET', job(id), 'state', 'waiting', 'worker', '')
    redis.call('ZADD', key('delayed'), now + milliseconds, id)
end

local function forget(id)
    stop_waiting(id)
    redis.call('ZREM', key('running'), id)
    redis.call('DEL', job(id))
end

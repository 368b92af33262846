-- ARGV: ids. Returns the number of workers that are alive; then state, phase, done and cancelled of each job, '' for
-- what is not known. ARGV[1] is the time for which a worker counts as alive.
local found = {tostring(redis.call('ZCOUNT', key('workers'), now - tonumber(ARGV[1]), '+inf'))}
for i = 2, #ARGV do
    for _, field in ipairs({'state', 'phase', 'done', 'cancelled'}) do
        table.insert(found, get(ARGV[i], field) or '')
    end
end
return found

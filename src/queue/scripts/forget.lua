-- ARGV: id. The job has ended.
forget(ARGV[1])
return 1

-- Makes an instance the publisher of a source, or renews that it is; answers its epoch, or nil while another holds it.
-- KEYS: the source's publisher hash, its lease. ARGV: instance, lease in ms, the epoch to renew (0 to claim).
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
  return nil
end
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if ARGV[3] ~= '0' and tonumber(ARGV[3]) < epoch then
  return nil
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if ARGV[3] ~= '0' then
  return tonumber(ARGV[3])
end
-- From the clock (in microseconds), so that an epoch stays the highest even if Redis lost its last second.
local time = redis.call('TIME')
epoch = math.max(epoch + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', epoch))
return epoch

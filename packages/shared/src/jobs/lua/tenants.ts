/**
 * tenants:wake: lets jobs that wait for their tenant go on where there is room, as after its limit was raised. 4 how many at most.
 */
export const tenants = `
if op == 'tenants:wake' then
  local left = tonumber(ARGV[4])
  for _, tenant in ipairs(redis.call('ZRANGE', base .. 'tenants:parked', 0, -1)) do
    local room = room_of(tenant) or left
    while left > 0 and room > 0 and release_next_of_tenant(tenant) do left, room = left - 1, room - 1 end
  end
  return { 'ok' }
end
`;

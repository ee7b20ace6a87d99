-- The event stream, and the channels of the processes that show events.

-- Appends an event to the stream, and publishes it on channels. A message is the position of the event and its fields, one a line; no field has a line break.
local function append_event(fields, channels)
  local position = redis.call('XADD', keys.events, '*', unpack(fields))
  local message = position .. '\n' .. table.concat(fields, '\n')
  for _, channel in ipairs(channels) do redis.call('PUBLISH', channel, message) end
end

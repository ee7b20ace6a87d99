-- Returns whether the tenant has the endpoint.
local function is_of(tenant, id) return redis.call('HGET', keys.webhook(id), 'tenant') == tenant end

#!lua name=hy_timers
-- Timers of one shard (a partition of hy.cases) in Redis. docs/timers.md describes keys, encodings and calls; this file
-- and lib/fold/timers.c are the only writers. KEYS[1] is the shard's header, every other key is made from it and shares
-- its hash tag, so a call never leaves its slot.

local BUCKETS, LEAF, TIE = 1024, 96, 1024 -- record hashes; most entries a leaf (a listpack, quick to search); ties within a ms
local SENDING, AGAIN = -1, -2              -- outbox: offset not known yet; to be handed out once more

local function byte_pair(id, from_end)
    local low, high = string.byte(id, #id - from_end) or 0, string.byte(id, #id - from_end - 1) or 0
    return high * 256 + low
end

local function bucket_of(head, id)
    return head .. ':c:' .. byte_pair(id, 0) % BUCKETS
end

local function score_of(id, due)
    return string.format('%d', due * TIE + byte_pair(id, 2) % TIE)
end

local function now_ms()
    local t = redis.call('TIME')
    return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- Clock names are written once, in the header; records hold their number.
local function names_of(text)
    local names = {by_code = {}, by_name = {}}
    for name in string.gmatch(text or '', '[^\n]+') do
        names.by_code[#names.by_code + 1] = name
        names.by_name[name] = #names.by_code
    end
    return names
end

-- The header, read once a call; or nil and why the call may not touch this shard. The position is compared too: an older
-- copy of the data has another one.
local function shard_of(head, token, offset)
    local have = redis.call('HMGET', head, 'token', 'offset', 'names', 'n', 'progress_log', 'mark')
    if not have[1] then return nil, {'lost'} end
    if have[1] ~= token then return nil, {'token'} end
    if offset and have[2] ~= offset then return nil, {'position', have[2] or ''} end
    return {names = names_of(have[3]), n = tonumber(have[4] or 0), progress_log = have[5], mark = tonumber(have[6] or 0)}
end

-- Due index: leaves of at most LEAF entries; :i holds each leaf's id under its lower bound. An entry lies in the leaf
-- with the greatest bound that is not above its score.
local function leaf_of(head, score)
    return redis.call('ZREVRANGEBYSCORE', head .. ':i', score, '-inf', 'LIMIT', 0, 1)[1]
end

local function new_leaf(head, bound)
    local leaf = redis.call('HINCRBY', head, 'leaf', 1)
    redis.call('ZADD', head .. ':i', bound, leaf)
    return leaf
end

-- Moves the upper half into a leaf of its own; false when all entries have one score.
local function split(head, leaf)
    local key = head .. ':d:' .. leaf
    local low, bound = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2],
        redis.call('ZRANGE', key, LEAF / 2, LEAF / 2, 'WITHSCORES')[2]
    if low == bound then
        bound = redis.call('ZRANGEBYSCORE', key, '(' .. low, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
        if not bound then return false end
    end
    local moved, args = redis.call('ZRANGEBYSCORE', key, bound, '+inf', 'WITHSCORES'), {}
    for i = 1, #moved, 2 do
        args[i], args[i + 1] = string.format('%d', tonumber(moved[i + 1])), moved[i]
    end
    redis.call('ZREMRANGEBYSCORE', key, bound, '+inf')
    redis.call('ZADD', head .. ':d:' .. new_leaf(head, string.format('%d', tonumber(bound))), unpack(args))
    return true
end

-- sizes: of the leaves that this call has met, so that each is asked once.
local function index(head, sizes, id, due)
    local score = score_of(id, due)
    local leaf = leaf_of(head, score) or new_leaf(head, 0)
    local size = sizes[leaf] or redis.call('ZCARD', head .. ':d:' .. leaf)
    if size >= LEAF and split(head, leaf) then
        sizes[leaf] = nil
        leaf = leaf_of(head, score)
        size = redis.call('ZCARD', head .. ':d:' .. leaf)
    end
    redis.call('ZADD', head .. ':d:' .. leaf, score, id)
    sizes[leaf] = size + 1
end

-- An emptied leaf stays in :i until it is the first (first_entry): an entry that comes meanwhile finds its place there.
local function unindex(head, sizes, id, due)
    local leaf = leaf_of(head, score_of(id, due))
    if leaf and redis.call('ZREM', head .. ':d:' .. leaf, id) == 1 and sizes[leaf] then sizes[leaf] = sizes[leaf] - 1 end
end

-- The first leaf that holds anything, and the score of its first entry.
local function first_entry(head)
    while true do
        local leaf = redis.call('ZRANGE', head .. ':i', 0, 0)[1]
        if not leaf then return nil end
        local score = redis.call('ZRANGE', head .. ':d:' .. leaf, 0, 0, 'WITHSCORES')[2]
        if score then return leaf, tonumber(score) end
        redis.call('ZREM', head .. ':i', leaf)
    end
end

-- The earliest due time of what is not claimed; '' when nothing waits.
local function next_due(head)
    local _, score = first_entry(head)
    return score and string.format('%d', math.floor(score / TIE)) or ''
end

local function code_of(head, names, name)
    if not names.by_name[name] then
        names.by_code[#names.by_code + 1] = name
        names.by_name[name] = #names.by_code
        redis.call('HSET', head, 'names', table.concat(names.by_code, '\n'))
    end
    return names.by_name[name]
end

-- A record: version, dossier, and for each clock its number, epoch, stage (+128 when claimed) and due time.
local function decode(record)
    local version, dossier, at = struct.unpack('<I4Bc0', record)
    local clocks = {}
    while at <= #record do
        local clock = {}
        clock.code, clock.epoch, clock.stage, clock.due, at = struct.unpack('<BI4BI6', record, at)
        clock.claimed = clock.stage >= 128
        clock.stage = clock.stage % 128
        clocks[#clocks + 1] = clock
    end
    return {version = version, dossier = dossier, clocks = clocks}
end

local function encode(case)
    local parts = {struct.pack('<I4Bc0', case.version, #case.dossier, case.dossier)}
    for _, clock in ipairs(case.clocks) do
        parts[#parts + 1] = struct.pack('<BI4BI6', clock.code, clock.epoch, clock.stage + (clock.claimed and 128 or 0),
            clock.due)
    end
    return table.concat(parts)
end

local function earliest(clocks)
    local due
    for _, clock in ipairs(clocks) do
        if not clock.claimed and (not due or clock.due < due) then due = clock.due end
    end
    return due
end

-- What the fold sends for one case: id, version, dossier, clocks by name. No clocks = cancel.
local function decode_case(head, names, packed)
    local id, version, dossier, n, at = struct.unpack('<Bc0I6Bc0B', packed)
    local clocks = {}
    for i = 1, n do
        local clock, name = {}, nil
        name, clock.epoch, clock.stage, clock.due, at = struct.unpack('<Bc0I4BI6', packed, at)
        clock.code = code_of(head, names, name)
        clocks[i] = clock
    end
    return id, {version = version, dossier = dossier, clocks = clocks}
end

-- An entry that is out (claimed) stays out as long as the case shows the same epoch and stage; else it is forgotten.
local function carry_claims(head, names, id, old, new)
    for _, was in ipairs(old.clocks) do
        local kept = false
        for _, is in ipairs(new.clocks) do
            if was.claimed and is.code == was.code and is.epoch == was.epoch and is.stage == was.stage then
                is.claimed, is.due, kept = true, was.due, true
            end
        end
        if was.claimed and not kept then redis.call('ZREM', head .. ':o', id .. names.by_code[was.code]) end
    end
end

local NOTHING = {version = 0, dossier = '', clocks = {}}

-- Schedules or cancels one case; returns the change in the number of entries, or nil when its version is stale.
local function put(head, names, sizes, packed)
    local id, new = decode_case(head, names, packed)
    local bucket = bucket_of(head, id)
    local record = redis.call('HGET', bucket, id)
    local old = record and decode(record) or NOTHING
    if old.version > new.version then return nil end
    carry_claims(head, names, id, old, new)
    local was, is = earliest(old.clocks), earliest(new.clocks)
    if was and was ~= is then unindex(head, sizes, id, was) end
    if is and was ~= is then index(head, sizes, id, is) end
    if #new.clocks == 0 then
        if record then redis.call('HDEL', bucket, id) end
    else
        redis.call('HSET', bucket, id, encode(new))
    end
    return #new.clocks - #old.clocks
end

-- Marks what is out, with an offset within [from, to], to be handed out again by the next claims.
local function hand_back(head, from, to)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', head .. ':o', from, to)) do
        redis.call('ZADD', head .. ':o', AGAIN, member)
    end
end

-- take: an assignment's new owner; keep: the same owner after a lost connection. Entries whose send has no known offset
-- are handed out again by the next claims.
local function open(keys, args)
    local head, token, mode = keys[1], args[1], args[2]
    local have = redis.call('HMGET', head, 'token', 'log', 'offset', 'progress_log', 'progress')
    if not have[1] then return {'lost'} end
    if mode ~= 'take' and have[1] ~= token then return {'token'} end
    redis.call('HSET', head, 'token', token)
    hand_back(head, SENDING, SENDING)
    return {'ok', have[2], have[3], have[4] or '', have[5] or '', next_due(head)}
end

local function reset(keys, args)
    local head, token, mode, log, offset = keys[1], args[1], args[2], args[3], args[4]
    local have = redis.call('HGET', head, 'token')
    if mode ~= 'take' and have and have ~= token then return {'token'} end
    for _, leaf in ipairs(redis.call('ZRANGE', head .. ':i', 0, -1)) do
        redis.call('UNLINK', head .. ':d:' .. leaf)
    end
    for bucket = 0, BUCKETS - 1 do redis.call('UNLINK', head .. ':c:' .. bucket) end
    redis.call('UNLINK', head, head .. ':i', head .. ':o')
    redis.call('HSET', head, 'token', token, 'log', log, 'offset', offset, 'n', 0)
    return {'ok'}
end

-- schedule and cancel: cases, and the position after them, in one step. Casework's progress in hy.commands may be ''.
-- Offsets of another log mean nothing: what was sent there is handed out again.
local function write(keys, args)
    local head = keys[1]
    local shard, refused = shard_of(head, args[1], args[2])
    if refused then return refused end
    local sizes, change, stale = {}, 0, 0
    for i = 6, #args do
        local delta = put(head, shard.names, sizes, args[i])
        change, stale = change + (delta or 0), stale + (delta and 0 or 1)
    end
    local n = string.format('%d', shard.n + change)
    if args[5] == '' then
        redis.call('HSET', head, 'offset', args[3], 'n', n)
    else
        if shard.progress_log and shard.progress_log ~= args[4] then hand_back(head, 0, '+inf') end
        redis.call('HSET', head, 'offset', args[3], 'n', n, 'progress_log', args[4], 'progress', args[5])
    end
    return {'ok', stale, next_due(head), shard.n + change}
end

local function fire(names, id, case, clock)
    local name = names.by_code[clock.code]
    return struct.pack('<Bc0Bc0Bc0I4BI6', #id, id, #case.dossier, case.dossier, #name, name, clock.epoch, clock.stage,
        clock.due)
end

-- Moves what is due of one case into the outbox; returns how many. An index entry without a record is dropped.
local function claim_case(head, names, sizes, leaf, id, now, out)
    local bucket, before = bucket_of(head, id), #out
    local record = redis.call('HGET', bucket, id)
    if redis.call('ZREM', head .. ':d:' .. leaf, id) == 1 and sizes[leaf] then sizes[leaf] = sizes[leaf] - 1 end
    if not record then return end
    local case = decode(record)
    for _, clock in ipairs(case.clocks) do
        if not clock.claimed and clock.due <= now then
            clock.claimed = true
            redis.call('ZADD', head .. ':o', SENDING, id .. names.by_code[clock.code])
            out[#out + 1] = fire(names, id, case, clock)
        end
    end
    if #out > before then redis.call('HSET', bucket, id, encode(case)) end
    local due = earliest(case.clocks)
    if due then index(head, sizes, id, due) end
end

local function claim_due(head, names, now, limit, out)
    local upto, sizes = string.format('%d', now * TIE + TIE - 1), {}
    while #out < limit do
        local leaf = first_entry(head)
        local ids = leaf and redis.call('ZRANGEBYSCORE', head .. ':d:' .. leaf, '-inf', upto, 'LIMIT', 0, limit - #out)
            or {}
        if #ids == 0 then return end
        for _, id in ipairs(ids) do
            if #out >= limit then return end
            claim_case(head, names, sizes, leaf, id, now, out)
        end
    end
end

-- Finds the claimed clock that an outbox member (id .. name) stands for. Ids are self-delimiting: 17 bytes when packed,
-- else 255, their length, their text.
local function claimed_of(head, names, member)
    local first = string.byte(member, 1)
    local len = first == 255 and string.byte(member, 2) + 2 or 17
    local id, name = string.sub(member, 1, len), string.sub(member, len + 1)
    local record = redis.call('HGET', bucket_of(head, id), id)
    local case = record and decode(record)
    for _, clock in ipairs(case and case.clocks or {}) do
        if clock.claimed and names.by_code[clock.code] == name then return id, case, clock end
    end
end

local function hand_out_again(head, names, from, to, limit, out)
    if #out >= limit then return end
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', head .. ':o', from, to, 'LIMIT', 0, limit - #out)) do
        local id, case, clock = claimed_of(head, names, member)
        if id then
            redis.call('ZADD', head .. ':o', SENDING, member)
            out[#out + 1] = fire(names, id, case, clock)
        else
            redis.call('ZREM', head .. ':o', member)
        end
    end
end

-- args: token, offset, limit, what TIME should be ('' = unknown) and how far off it may be, the casework offset below
-- which a sent fire has been seen ('' = unknown). Entries past their due time by this Redis's clock go to the outbox.
local function claim(keys, args)
    local head, limit, now = keys[1], tonumber(args[3]), now_ms()
    local shard, refused = shard_of(head, args[1], args[2])
    if refused then return refused end
    local expected, slack, mark = tonumber(args[4]), tonumber(args[5]), shard.mark
    if (expected and math.abs(now - expected) > slack) or (not expected and now < mark - slack) then
        return {'step', string.format('%d', now)}
    end
    if now > mark + 1000 or now < mark - slack then redis.call('HSET', head, 'mark', string.format('%d', now)) end
    local names, out = shard.names, {}
    hand_out_again(head, names, AGAIN, AGAIN, limit, out)
    if args[6] ~= '' then hand_out_again(head, names, 0, '(' .. args[6], limit, out) end
    local again = #out
    claim_due(head, names, now, limit, out)
    return {'ok', string.format('%d', now), next_due(head), redis.call('ZCARD', head .. ':o'), again, out}
end

-- args: token, then for each fire: id, clock name, epoch, stage, and the offset that its TimerFired got in hy.commands.
local function confirm(keys, args)
    local head, kept = keys[1], 0
    local shard, refused = shard_of(head, args[1])
    if refused then return refused end
    local names = shard.names
    for i = 2, #args do
        local id, name, epoch, stage, offset = struct.unpack('<Bc0Bc0I4BI8', args[i])
        local _, case, clock = claimed_of(head, names, id .. name)
        if clock and clock.epoch == epoch and clock.stage == stage then
            redis.call('ZADD', head .. ':o', string.format('%d', offset), id .. name)
            kept = kept + 1
        end
    end
    return {'ok', kept}
end

local function count(keys)
    local head = keys[1]
    local have = redis.call('HMGET', head, 'log', 'offset', 'n')
    if not have[1] then return {'lost'} end
    return {'ok', have[1], have[2], have[3], redis.call('ZCARD', head .. ':o'), next_due(head), redis.call('ZCARD', head .. ':i')}
end

-- A full Redis refuses new timers; those that it holds still fire.
local even_when_full = {'allow-oom'}
redis.register_function{function_name = 'hy_timers_open', callback = open, flags = even_when_full}
redis.register_function{function_name = 'hy_timers_reset', callback = reset, flags = even_when_full}
redis.register_function('hy_timers_write', write)
redis.register_function{function_name = 'hy_timers_claim', callback = claim, flags = even_when_full}
redis.register_function{function_name = 'hy_timers_confirm', callback = confirm, flags = even_when_full}
redis.register_function('hy_timers_count', count)

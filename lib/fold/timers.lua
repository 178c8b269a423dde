#!lua name=hy_timers4
-- Timers of one shard (a partition of hy.cases) in Redis. docs/timers.md describes keys, encodings and calls; this file
-- and lib/fold/timers.c are the only writers. KEYS[1] is the shard's header, every other key is made from it and shares
-- its hash tag, so a call never leaves its slot.

local call -- redis.call, which is not there while the library is loaded; a local is found faster
local BUCKETS, LEAF, TIE = 1024, 64, 1024 -- record hashes; most entries a leaf (a listpack, quick to search); ties within a ms
local SENDING, AGAIN = '-1', '-2'          -- scores in :o: on its way, as older libraries wrote it; to be handed out once more
local MOST = 4000                          -- arguments of one call; Lua's stack ends at 8,000
local LOOKED = 1024                        -- entries that a claim looks at, or some more
local SHARDS = 4096                        -- indexes kept from call to call

-- Found faster under a name of their own; filled by the first call, since a library has no string functions while it loads.
local byte, sub, pack, unpack_struct

local function byte_pair(id, from_end)
    local high, low = byte(id, -2 - from_end, -1 - from_end)
    if low then return high * 256 + low end
    return high or 0
end

-- A number becomes text by way of printf("%.14g"), in Lua and in each argument of a call: where it counts, text is kept.
local bucket_names = {}
for bucket = 0, BUCKETS - 1 do bucket_names[bucket] = ':c:' .. bucket end

local chars = {} -- each byte as a string; filled by the first call, since a library has no string functions while it loads

local function bucket_of(head, id)
    return head .. bucket_names[byte_pair(id, 0) % BUCKETS]
end

local function now_ms()
    local t = call('TIME')
    return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- Clock names are written once, in the header; records hold their number.
local function names_of(text)
    local names = {}
    for name in string.gmatch(text or '', '[^\n]+') do names[#names + 1] = name end
    return names
end

-- Due index: leaves of at most LEAF entries; :i holds each leaf's id under its lower bound. An entry lies in the leaf
-- with the greatest bound that is not above its score. A case has an entry for its earliest due time, and may have others
-- for times that no longer hold: they are dropped when their time comes, so that cancelling needs no search. An emptied
-- leaf stays until it is the first.
--
-- What :i says is kept from call to call, so that an entry finds its leaf without asking: per shard, in order of their
-- bounds, the leaves' bounds and keys, and how many entries each took since it was counted. It counts for one owner and
-- one edition of the header, which changes before :i does; anything else (an older copy of the data, another server's
-- changes) is read anew.
local indexes, n_indexes = {}, 0

local function read_index(head, token, edition)
    local index = {head = head, token = token, edition = edition, bounds = {}, keys = {}, sizes = {}, n = 0}
    local rows = call('ZRANGE', head .. ':i', '0', '-1', 'WITHSCORES')
    for at = 1, #rows, 2 do
        index.n = index.n + 1
        index.bounds[index.n], index.keys[index.n], index.sizes[index.n] = tonumber(rows[at + 1]), head .. ':d:' .. rows[at], LEAF
    end
    if not indexes[head] then n_indexes = n_indexes + 1 end
    if n_indexes > SHARDS then indexes, n_indexes = {}, 1 end
    indexes[head] = index
    return index
end

local function index_of(head, token, edition)
    local index = indexes[head]
    if index and edition and index.edition == edition and index.token == token then return index end
    return read_index(head, token, edition)
end

-- Before :i changes. An error under way leaves no edition here: it is read anew. No two are alike: this server counts its
-- own, and another one's differ by the time.
local editions = 0
local function new_edition(index, leaf)
    local t = call('TIME')
    index.edition, editions = nil, editions + 1
    local edition = t[1] .. '.' .. t[2] .. '.' .. leaf .. '.' .. editions
    call('HSET', index.head, 'edition', edition)
    return edition
end

local function insert_leaf(index, at, bound)
    local leaf = string.format('%d', call('HINCRBY', index.head, 'leaf', '1'))
    local edition = new_edition(index, leaf)
    call('ZADD', index.head .. ':i', bound, leaf)
    table.insert(index.bounds, at, tonumber(bound))
    table.insert(index.keys, at, index.head .. ':d:' .. leaf)
    table.insert(index.sizes, at, 0)
    index.n, index.edition = index.n + 1, edition
    return index.keys[at]
end

local function remove_first_leaf(index)
    local leaf = sub(index.keys[1], #index.head + 4)
    local edition = new_edition(index, 'x' .. leaf)
    call('ZREM', index.head .. ':i', leaf)
    table.remove(index.bounds, 1)
    table.remove(index.keys, 1)
    table.remove(index.sizes, 1)
    index.n, index.edition = index.n - 1, edition
end

-- The last leaf whose bound is not above the score; 0: all are.
local function place_of(index, score)
    local bounds, low, high = index.bounds, 0, index.n
    while low < high do
        local middle = (low + high + 1 - (low + high + 1) % 2) / 2
        if bounds[middle] <= score then low = middle else high = middle - 1 end
    end
    return low
end

-- Moves the upper half of a full leaf into one of its own. A leaf whose entries all have one score cannot be split.
local function split(index, at)
    local key = index.keys[at]
    index.sizes[at] = call('ZCARD', key)
    if index.sizes[at] < LEAF then return end
    local low, bound = call('ZRANGE', key, '0', '0', 'WITHSCORES')[2],
        call('ZRANGE', key, LEAF / 2, LEAF / 2, 'WITHSCORES')[2]
    if low == bound then
        bound = call('ZRANGEBYSCORE', key, '(' .. low, '+inf', 'WITHSCORES', 'LIMIT', '0', '1')[2]
    end
    index.sizes[at] = LEAF / 2
    if not bound then return end
    local upper = insert_leaf(index, at + 1, bound)
    call('ZRANGESTORE', upper, key, bound, '+inf', 'BYSCORE')
    call('ZREMRANGEBYSCORE', key, bound, '+inf')
    index.sizes[at + 1] = LEAF / 2
end

local function add_entry(index, id, due)
    local score = due * TIE + byte_pair(id, 2) % TIE
    local at = place_of(index, score)
    if at == 0 then
        insert_leaf(index, 1, '0')
        at = 1
    elseif index.sizes[at] >= LEAF then
        split(index, at)
        at = place_of(index, score)
    end
    index.sizes[at] = index.sizes[at] + 1
    call('ZADD', index.keys[at], string.format('%d', score), id)
end

-- The first leaf that holds anything, and the score of its first entry.
local function first_entry(index)
    while index.n > 0 do
        local score = call('ZRANGE', index.keys[1], '0', '0', 'WITHSCORES')[2]
        if score then return index.keys[1], tonumber(score) end
        remove_first_leaf(index)
    end
end

-- The earliest due time of what is not claimed; '' when nothing waits.
local function next_due(index)
    local _, score = first_entry(index)
    return score and string.format('%d', math.floor(score / TIE)) or ''
end

-- The header, read once a call; or nil and why the call may not touch this shard. The position is compared too: an older
-- copy of the data has another one.
local function shard_of(head, token, offset)
    local have = call('HMGET', head, 'token', 'offset', 'names', 'n', 'progress_log', 'mark', 'edition')
    if not have[1] then return nil, {'lost'} end
    if have[1] ~= token then return nil, {'token'} end
    if offset and have[2] ~= offset then return nil, {'position', have[2] or ''} end
    return {head = head, names = names_of(have[3]), names_text = have[3], n = tonumber(have[4] or 0), progress_log = have[5],
        mark = tonumber(have[6] or 0), edition = have[7], index = index_of(head, token, have[7])}
end

-- A record: version, dossier, and for each clock its number, epoch, stage (+128 when claimed) and due time.
local function decode(record)
    local version, dossier, at = unpack_struct('<I4Bc0', record)
    local clocks = {}
    while at <= #record do
        local clock = {}
        clock.code, clock.epoch, clock.stage, clock.due, at = unpack_struct('<BI4BI6', record, at)
        clock.claimed = clock.stage >= 128
        clock.stage = clock.stage % 128
        clocks[#clocks + 1] = clock
    end
    return {version = version, dossier = dossier, clocks = clocks}
end

local function encode(case)
    local parts = {pack('<I4Bc0', case.version, #case.dossier, case.dossier)}
    for _, clock in ipairs(case.clocks) do
        parts[#parts + 1] = pack('<BI4BI6', clock.code, clock.epoch, clock.stage + (clock.claimed and 128 or 0),
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

-- Of a record without taking it apart: version, number of clocks, the earliest due time of those that are not claimed,
-- whether one is claimed.
local function glance(record)
    local version, dossier_len = unpack_struct('<I4B', record)
    local n, due, claimed = 0, nil, false
    for at = 6 + dossier_len, #record, 12 do
        local stage, when = unpack_struct('<BI6', record, at + 5)
        n = n + 1
        if stage >= 128 then
            claimed = true
        elseif not due or when < due then
            due = when
        end
    end
    return version, n, due, claimed
end

-- The outbox: what is on its way without a known offset in the set :u, the rest in :o, scored by its offset or AGAIN.
local function forget(head, member)
    if call('SREM', head .. ':u', member) == 0 then call('ZREM', head .. ':o', member) end
end

local function outbox_size(head)
    return call('SCARD', head .. ':u') + call('ZCARD', head .. ':o')
end

-- An entry that is out (claimed) stays out as long as the case shows the same epoch and stage; else it is forgotten.
-- Returns the record with what is still out, and its earliest due time.
local function carry_claims(shard, id, old, record)
    local new = decode(record)
    for _, was in ipairs(decode(old).clocks) do
        local kept = false
        for _, is in ipairs(new.clocks) do
            if was.claimed and is.code == was.code and is.epoch == was.epoch and is.stage == was.stage then
                is.claimed, is.due, kept = true, was.due, true
            end
        end
        if was.claimed and not kept then forget(shard.head, id .. shard.names[was.code]) end
    end
    return encode(new), earliest(new.clocks)
end

-- Schedules or cancels one case, sent as its id before its record (no clocks = cancel); returns the change in the number
-- of entries, or nil when its version is stale.
local function put(shard, packed)
    local id, at = unpack_struct('<Bc0', packed)
    local record = sub(packed, at)
    local version, n, is = glance(record)
    local bucket = bucket_of(shard.head, id)
    if version == 1 and n > 0 and call('HSETNX', bucket, id, record) == 1 then -- nearly always new
        add_entry(shard.index, id, is)
        return n
    end
    local old = call('HGET', bucket, id)
    local old_version, old_n, was, claimed = 0, 0, nil, false
    if old then old_version, old_n, was, claimed = glance(old) end
    if old_version > version then return nil end
    if claimed then record, is = carry_claims(shard, id, old, record) end
    if is and (was ~= is or old_version == version) then add_entry(shard.index, id, is) end -- the same again mends
    if n > 0 then
        call('HSET', bucket, id, record)
    elseif old then
        call('HDEL', bucket, id)
    end
    return n - old_n
end

-- Marks what is out, with an offset within [from, to], to be handed out again by the next claims.
local function hand_back(head, from, to)
    for _, member in ipairs(call('ZRANGEBYSCORE', head .. ':o', from, to)) do
        call('ZADD', head .. ':o', AGAIN, member)
    end
end

-- take: an assignment's new owner; keep: the same owner after a lost connection, from where a call may still be on its way:
-- so its token is a new one, too (args[3]: the old). Entries whose send has no known offset
-- are handed out again by the next claims.
local function open(keys, args)
    local head, token, mode, old = keys[1], args[1], args[2], args[3]
    local have = call('HMGET', head, 'token', 'log', 'offset', 'progress_log', 'progress', 'names', 'edition')
    if not have[1] then return {'lost'} end
    if mode ~= 'take' and have[1] ~= token and have[1] ~= old then return {'token'} end
    call('HSET', head, 'token', token)
    for _, member in ipairs(call('SMEMBERS', head .. ':u')) do call('ZADD', head .. ':o', AGAIN, member) end
    call('UNLINK', head .. ':u')
    hand_back(head, SENDING, SENDING)
    local index = index_of(head, token, have[7])
    if not have[7] then index.edition = new_edition(index, 'open') end -- by a library that wrote none
    return {'ok', have[2], have[3], have[4] or '', have[5] or '', next_due(index), have[6] or ''}
end

local function reset(keys, args)
    local head, token, mode, log, offset = keys[1], args[1], args[2], args[3], args[4]
    local have = call('HGET', head, 'token')
    if mode ~= 'take' and have and have ~= token then return {'token'} end
    for _, leaf in ipairs(call('ZRANGE', head .. ':i', 0, -1)) do
        call('UNLINK', head .. ':d:' .. leaf)
    end
    for bucket = 0, BUCKETS - 1 do call('UNLINK', head .. ':c:' .. bucket) end
    call('UNLINK', head, head .. ':i', head .. ':o', head .. ':u')
    call('HSET', head, 'token', token, 'log', log, 'offset', offset, 'n', 0)
    return {'ok'}
end

-- The header's list of names becomes the owner's, which begins with it: nothing else writes here. False when it does not.
local function take_names(head, shard, text)
    local have = shard.names_text or ''
    if text == have then return true end
    if sub(text .. '\n', 1, #have + 1) ~= have .. '\n' and have ~= '' then return false end
    call('HSET', head, 'names', text)
    shard.names = names_of(text)
    return true
end

-- schedule and cancel: cases, and the position after them, in one step. Casework's progress in hy.commands may be ''.
-- Offsets of another log mean nothing: what was sent there is handed out again. args[6]: the clock names that the cases
-- refer to.
local function write(keys, args)
    local head = keys[1]
    local shard, refused = shard_of(head, args[1], args[2])
    if refused then return refused end
    if not take_names(head, shard, args[6]) then return {'position', ''} end
    local change, stale = 0, 0
    for i = 7, #args do
        local delta = put(shard, args[i])
        change, stale = change + (delta or 0), stale + (delta and 0 or 1)
    end
    local n = string.format('%d', shard.n + change)
    if args[5] == '' then
        call('HSET', head, 'offset', args[3], 'n', n)
    else
        if shard.progress_log and shard.progress_log ~= args[4] then hand_back(head, 0, '+inf') end
        call('HSET', head, 'offset', args[3], 'n', n, 'progress_log', args[4], 'progress', args[5])
    end
    return {'ok', stale, next_due(shard.index), shard.n + change}
end

-- A fire as the client reads it: the rest is what its record says of the clock behind its number.
local function fire(id, dossier, name, rest)
    return chars[#id] .. id .. dossier .. chars[#name] .. name .. rest
end

-- Takes what is due of one case: fires to taken.fires, outbox members to taken.outbox. Returns the record with them
-- claimed, and when the next of the others is due.
local function claim_case(names, id, record, now, taken)
    local first, later = 6 + byte(record, 5), nil
    for at = first, #record, 12 do
        local stage, due = unpack_struct('<BI6', record, at + 5)
        if stage < 128 and due <= now then
            local name, n = names[byte(record, at)], taken.n + 1
            taken.n = n
            taken.fires[n] = fire(id, sub(record, 5, first - 1), name, sub(record, at + 1, at + 11))
            taken.outbox[n] = id .. name
            record = sub(record, 1, at + 4) .. chars[stage + 128] .. sub(record, at + 6)
        elseif stage < 128 and (not later or due < later) then
            later = due
        end
    end
    return record, later
end

-- Claims cases of one leaf while there is room; returns its fires. An entry that no longer holds is dropped, or moves to
-- the time that does.
local function claim_leaf(shard, leaf, ids, now, room)
    local taken, again, done = {n = 0, fires = {}, outbox = {}}, {}, #ids
    for i, id in ipairs(ids) do
        if taken.n >= room then done = i - 1 break end
        local bucket, before = bucket_of(shard.head, id), taken.n
        local record = call('HGET', bucket, id)
        if record then
            local claimed, later = claim_case(shard.names, id, record, now, taken)
            if taken.n > before then call('HSET', bucket, id, claimed) end
            if later then again[id] = later end
        end
    end
    call('ZREM', leaf, unpack(ids, 1, done))
    for i = 1, taken.n, MOST do
        call('SADD', shard.head .. ':u', unpack(taken.outbox, i, math.min(i + MOST - 1, taken.n)))
    end
    for i = 1, done do
        if again[ids[i]] then add_entry(shard.index, ids[i], again[ids[i]]) end
    end
    return taken.fires
end

local function claim_due(shard, now, limit, out)
    local upto, looked = string.format('%d', now * TIE + TIE - 1), 0
    while #out < limit and looked < LOOKED do
        local leaf = first_entry(shard.index)
        local ids = leaf and call('ZRANGEBYSCORE', leaf, '-inf', upto, 'LIMIT', '0', 2 * LEAF) or {}
        if #ids == 0 then return end
        looked = looked + #ids
        for _, one in ipairs(claim_leaf(shard, leaf, ids, now, limit - #out)) do out[#out + 1] = one end
    end
end

-- Finds the claimed clock that an outbox member (id .. name) stands for. Ids are self-delimiting: 17 bytes when packed,
-- else 255, their length, their text.
local function claimed_of(head, names, member)
    local first = byte(member, 1)
    local len = first == 255 and byte(member, 2) + 2 or 17
    local id, name = sub(member, 1, len), sub(member, len + 1)
    local record = call('HGET', bucket_of(head, id), id)
    local case = record and decode(record)
    for _, clock in ipairs(case and case.clocks or {}) do
        if clock.claimed and names[clock.code] == name then return id, case, clock end
    end
end

local function hand_out_again(head, names, from, to, limit, out)
    if #out >= limit then return end
    for _, member in ipairs(call('ZRANGEBYSCORE', head .. ':o', from, to, 'LIMIT', 0, limit - #out)) do
        local id, case, clock = claimed_of(head, names, member)
        if id then
            call('ZREM', head .. ':o', member)
            call('SADD', head .. ':u', member)
            local rest = pack('<I4BI6', clock.epoch, clock.stage, clock.due)
            out[#out + 1] = fire(id, chars[#case.dossier] .. case.dossier, names[clock.code], rest)
        else
            call('ZREM', head .. ':o', member)
        end
    end
end

-- Fires that casework has before it still: those with an offset that it has not come to, and those without one.
local function under_way(head, progress)
    local sent = call('ZCOUNT', head .. ':o', progress == '' and '0' or progress, '+inf')
    return sent + call('ZCOUNT', head .. ':o', AGAIN, SENDING) + call('SCARD', head .. ':u')
end

-- args: token, offset, limit, what TIME should be ('' = unknown) and how far off it may be, the casework offset below
-- which fires are handed out again ('' = none are), how many may be under way before nothing new is claimed (0 = any),
-- the casework offset below which all has been handled ('' = unknown). Entries past their due time by this Redis's clock go to the outbox.
local function claim(keys, args)
    local head, limit, now = keys[1], tonumber(args[3]), now_ms()
    local shard, refused = shard_of(head, args[1], args[2])
    if refused then return refused end
    if call('ZCARD', head .. ':i') ~= shard.index.n then shard.index = read_index(head, args[1], shard.edition) end
    local expected, slack, mark = tonumber(args[4]), tonumber(args[5]), shard.mark
    if (expected and math.abs(now - expected) > slack) or (not expected and now < mark - slack) then
        return {'step', string.format('%d', now)}
    end
    if now > mark + 1000 or now < mark - slack then call('HSET', head, 'mark', string.format('%d', now)) end
    local names, out = shard.names, {}
    hand_out_again(head, names, AGAIN, AGAIN, limit, out)
    if args[6] ~= '' then hand_out_again(head, names, 0, '(' .. args[6], limit, out) end
    local again, window = #out, tonumber(args[7])
    local room = window > 0 and math.max(0, window - under_way(head, args[8])) or limit
    claim_due(shard, now, math.min(limit, again + room), out)
    return {'ok', string.format('%d', now), next_due(shard.index), outbox_size(head), again, out, under_way(head, args[8])}
end

-- args: token, then for each fire: id, clock name, epoch, stage, and the offset that its TimerFired got in hy.commands.
local function confirm(keys, args)
    local head, kept = keys[1], 0
    local shard, refused = shard_of(head, args[1])
    if refused then return refused end
    local names = shard.names
    for i = 2, #args do
        local id, name, epoch, stage, offset = unpack_struct('<Bc0Bc0I4BI8', args[i])
        local _, case, clock = claimed_of(head, names, id .. name)
        if clock and clock.epoch == epoch and clock.stage == stage then
            call('SREM', head .. ':u', id .. name)
            call('ZADD', head .. ':o', string.format('%d', offset), id .. name)
            kept = kept + 1
        end
    end
    return {'ok', kept}
end

local function count(keys)
    local head = keys[1]
    local have = call('HMGET', head, 'log', 'offset', 'n', 'token', 'edition')
    if not have[1] then return {'lost'} end
    local index = index_of(head, have[4], have[5])
    return {'ok', have[1], have[2], have[3], outbox_size(head), next_due(index), index.n}
end

-- A full Redis refuses new timers; those that it holds still fire.
local function register(name, callback, flags)
    local function run(keys, args)
        call, byte, sub, pack, unpack_struct = redis.call, string.byte, string.sub, struct.pack, struct.unpack
        for byte = #chars, 255 do chars[byte] = string.char(byte) end
        return callback(keys, args)
    end
    redis.register_function{function_name = 'hy_timers4_' .. name, callback = run, flags = flags}
end

local even_when_full = {'allow-oom'}
register('open', open, even_when_full)
register('reset', reset, even_when_full)
register('write', write, {})
register('claim', claim, even_when_full)
register('confirm', confirm, even_when_full)
register('count', count, {})

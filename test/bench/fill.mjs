// A year of records in PostgreSQL, made by the server itself: as many as are asked for, and as the sink would have stored them.
import { Client } from "./drivers.mjs"
import { step } from "./progress.mjs"
import { whole } from "./report.mjs"

export const year = 2025
export const users = 50_000

/** One in so many, whatever else the record is. */
export const rareType = { name: "keys-rotated", every: 20_000 }
export const rareWord = { name: "quarantined", every: 50_000 }

/** Records of one statement. */
const most = 20_000

/**
 * Everything follows from the number of a record, $1 to $2 from 0 on, so that two runs have the same records. $3 is the month,
 * $4 the first record of it, and $5 the milliseconds between two. The hash of each is right; those before are made up, because no
 * search looks at them.
 *
 * Three instances write in turns. Few of the users do most: of 10 million records the busiest has 250,000, and half of them have
 * less than 100. One record in ten has no user. Each noun stands in one record of a hundred, and "file" in three of four.
 */
const records = `
WITH numbered AS (
  SELECT n, n / 3 + 1 AS seq, 'web-' || n % 3 + 1 AS instance, $3::timestamp + ((n - $4) * $5::float8)::bigint * interval '1 ms' AS date,
    floor(${users} * ((hashint8extended(n, 1) & 2147483647) / 2147483648.0::float8) ^ 3)::bigint AS person,
    hashint8extended(n, 2) & 1023 AS kind, hashint8extended(n, 3) & 2147483647 AS number
  FROM generate_series($1::bigint, $2::bigint) AS n
), named AS (
  SELECT *, CASE WHEN number % 10 > 0 THEN 'user' || person END AS user_name,
    '10.' || (hashint8(person) & 255) || '.' || person % 256 || '.' || number % 4 AS ip,
    CASE WHEN n % ${rareType.every} = 7777 THEN '${rareType.name}'
      WHEN kind < 420 THEN 'files-opened' WHEN kind < 640 THEN 'files-listed' WHEN kind < 768 THEN 'files-saved'
      WHEN kind < 900 THEN 'auth-login-succeeded' WHEN kind < 960 THEN 'auth-login-failed' WHEN kind < 980 THEN 'files-shared'
      WHEN kind < 1023 THEN 'auth-token-renewed' ELSE 'backups-failed' END AS type,
    'noun' || number % 100 AS noun, '/projects/' || number % 2000 || '/noun' || number % 100 AS path
  FROM numbered
), told AS (
  SELECT *, CASE type WHEN 'auth-login-failed' THEN 2 WHEN 'backups-failed' THEN 3 ELSE 1 END AS level,
    to_char(date, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS moment, md5(n::text)::uuid::text AS request_id,
    coalesce(user_name, 'somebody') || ' has ' || CASE WHEN type LIKE 'files-%' THEN right(type, -6) || ' the file ' ELSE 'used ' END
      || noun || '-' || number || ' of ' || path || ' from ' || ip
      || CASE WHEN n % ${rareWord.every} = 12345 THEN ', which is ${rareWord.name}' ELSE '' END AS message
  FROM named
), opened AS (
  SELECT *, '{"level":"' || (ARRAY['INFO', 'WARNING', 'ERROR'])[level] || '","date":"' || moment || '","message":"' || message
    || '","event":{"type":"' || type || '","details":{"ip":"' || ip || '","path":"' || path || coalesce('","user":"' || user_name, '')
    || '","item":"' || noun || '","number":' || number || '},"requestId":"' || request_id || '"},"source":"files","chain":{"v":1,"seq":'
    || seq || ',"prev":"' || encode(sha256(int8send(n)), 'hex') || '"' AS line
  FROM told
)
INSERT INTO audit_records (instance, seq, date, level, type, user_name, ip, request_id, message, line)
SELECT instance, seq, date AT TIME ZONE 'UTC', level, type, user_name, ip, request_id, message,
  line || ',"hash":"' || encode(sha256(convert_to(line, 'UTF8')), 'hex') || '"}}'
FROM opened`

/** As many connections work on a month each. */
const atOnce = 2

const monthsOf = (rows) =>
  Array.from({ length: 12 }, (_, index) => {
    const [start, end] = [Date.UTC(year, index), Date.UTC(year, index + 1)]
    const [first, next] = [index, index + 1].map((part) => Math.floor((rows * part) / 12))
    return { start: new Date(start).toISOString().slice(0, 10), first, next, each: (end - start) / (next - first) }
  })

/** The tables have to be there, and empty. */
export const fill = async ({ url, rows }) => {
  const months = monthsOf(rows)
  const began = performance.now()
  let done = 0
  const say = (count) => {
    done += count
    const left = Math.round((((performance.now() - began) / done) * (rows - done)) / 1000)
    step(`${whole(done)} of ${whole(rows)} records are made, ${whole(left)} s to go`)
  }
  await Promise.all(Array.from({ length: atOnce }, () => work(url, months, say)))
}

/** Takes the next month until there is none. What it does is not measured: it need not wait for the disk. */
const work = async (url, months, say) => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query("SET synchronous_commit = off")
    for (let month = months.shift(); month !== undefined; month = months.shift()) await fillMonth(client, month, say)
  } finally {
    await client.end()
  }
}

const fillMonth = async (client, { start, first, next, each }, say) => {
  await client.query("SELECT audit_partition($1)", [start])
  for (let from = first; from < next; from += most) {
    const to = Math.min(from + most, next) - 1
    await client.query({ name: "records", text: records, values: [from, to, start, first, each] })
    say(to + 1 - from)
  }
  // As the server itself does where a table has grown, one month at a time.
  await client.query(`VACUUM (ANALYZE) audit_records_${start.slice(0, 7).replace("-", "_")}`)
}

// PostgreSQL as the benchmarks use it: whether it is there, schemas of their own, and the CPU time of its processes.
import { randomUUID } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { Client } from "./drivers.mjs"

const databaseUrl = process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"

/** Its version, or a sentence that says why it cannot be used. */
export const find = async () => {
  try {
    return await connected(databaseUrl, async (client) => {
      const { rows } = await client.query(
        "SELECT current_setting('server_version') AS version, has_database_privilege(current_database(), 'CREATE') AS may"
      )
      const [{ may, version }] = rows
      if (!may) return problem("this user may not create a schema")
      await dropLeftOver(client)
      return { version: `PostgreSQL ${version.split(" ")[0]}` }
    })
  } catch (error) {
    // Where a name has several addresses, there are several reasons.
    return problem(error.errors?.[0]?.message ?? error.message)
  }
}

const problem = (reason) => ({
  problem: `PostgreSQL cannot be used at ${place()} (${reason}): start it, or set DATABASE_URL.`
})

/** Without a password that it may hold. */
const place = () => {
  const { host } = URL.canParse(databaseUrl) ? new URL(databaseUrl) : { host: "" }
  return host === "" ? "the address in DATABASE_URL" : host
}

const connected = async (url, use) => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  // What else happens to the connection is told by the query that needs it.
  client.on("error", () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

// Schemas

const prefix = "registrar_bench_"

/** The address under which a schema is the only one. */
export const schemaUrl = (schema) => {
  const url = new URL(databaseUrl)
  url.searchParams.set("options", `-c search_path=${schema}`)
  return url.href.replaceAll("+", "%20")
}

/** Where `use` is given a schema's address and a client of it. The schema is dropped afterwards. */
export const withSchema = async (use) => {
  const schema = `${prefix}${randomUUID().replaceAll("-", "")}`
  return connected(schemaUrl(schema), async (client) => {
    // Held for as long as this process lives.
    await client.query("SELECT pg_advisory_lock(hashtext($1))", [schema])
    await client.query(`CREATE SCHEMA ${schema}`)
    try {
      return await use({ url: schemaUrl(schema), client })
    } finally {
      await client.query(`DROP SCHEMA ${schema} CASCADE`)
    }
  })
}

/** Of those that were killed. */
const dropLeftOver = async (client) => {
  const { rows } = await client.query(
    "SELECT nspname AS schema FROM pg_namespace WHERE starts_with(nspname, $1) AND pg_try_advisory_lock(hashtext(nspname))",
    [prefix]
  )
  for (const { schema } of rows) await client.query(`DROP SCHEMA ${schema} CASCADE`)
}

// CPU time

const ticksPerSecond = 100

/**
 * In microseconds: what all its processes on this machine have used, as Linux tells, and 0 elsewhere. What those have used that
 * have ended is in the account of the one that had started them.
 */
export const serverCpu = () =>
  (existsSync("/proc") ? readdirSync("/proc") : [])
    .filter((name) => /^\d+$/.test(name))
    .reduce((sum, pid) => sum + cpuOf(pid), 0)

const cpuOf = (pid) => {
  try {
    // "pid (name) state parent …": user, system, and the same of the children that have ended are the 14th to the 17th.
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/.exec(readFileSync(`/proc/${pid}/stat`, "utf8").trimEnd())
    if (name !== "postgres") return 0
    const ticks = rest.split(" ").slice(11, 15).map(Number)
    return (ticks.reduce((sum, value) => sum + value) * 1e6) / ticksPerSecond
  } catch {
    // It has ended meanwhile.
    return 0
  }
}

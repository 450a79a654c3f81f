import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import glossy from "glossy"
import parse from "nsyslog-parser"
import type { AuditRecord } from "../../src/AuditRecord.js"
import * as AuditFormat from "../../src/AuditFormat.js"
import * as Cef from "../../src/AuditFormat/Cef.js"
import * as Syslog from "../../src/AuditFormat/Syslog.js"
import { comparable, link, make, records } from "./records.js"

// RFC 5424, section 6, read strictly

const header =
  /^<(0|[1-9]\d{0,2})>([1-9]\d{0,2}) (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) /
const name = "[!#-<>-\\\\^-~]{1,32}"
const param = `${name}="(?:[^"\\\\\\]]|\\\\["\\\\\\]])*"`
const element = new RegExp(`^\\[(${name})((?: ${param})*)\\]`)

interface Message {
  readonly priority: number
  readonly timestamp: string
  readonly hostname: string
  readonly appName: string
  readonly procId: string
  readonly msgId: string
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly text: string
}

/** Throws where the message is none. */
const read = (line: string): Message => {
  assert.notMatch(line, /[\n\r\u0085\u2028\u2029]/)
  const found = header.exec(line)
  assert.isNotNull(found, line)
  const [all, priority = "", version, timestamp = "", hostname = "", appName = "", procId = "", msgId = ""] = found!
  assert.strictEqual(version, "1")
  assert.isAtMost(Number(priority), 191)
  const elements = new Map<string, ReadonlyMap<string, string>>()
  let rest = line.slice(all.length)
  for (let match = element.exec(rest); match !== null; match = element.exec(rest)) {
    const [whole, id = "", params = ""] = match
    // Only IANA gives out names without one.
    assert.match(id, /^[^@]+@\d+$/)
    assert.isFalse(elements.has(id))
    const pairs = Array.from(params.matchAll(new RegExp(` (${name})="((?:[^"\\\\\\]]|\\\\["\\\\\\]])*)"`, "g")))
    elements.set(id, new Map(pairs.map(([, key = "", value = ""]) => [key, value.replace(/\\(["\\\]])/g, "$1")])))
    rest = rest.slice(whole.length)
  }
  assert.isAtLeast(elements.size, 1)
  assert.strictEqual(rest[0], " ")
  return { priority: Number(priority), timestamp, hostname, appName, procId, msgId, elements, text: rest.slice(1) }
}

/** As it arrives. */
const transmit = (line: string) => Buffer.from(line).toString()

const membersOf = (record: AuditRecord) => {
  const { date, level, message, event, source } = record
  return {
    date,
    level,
    message,
    source,
    ...event,
    details: comparable(Object.entries(event.details))
  }
}

/** The record that a message was made of. */
const restore = ({ elements, text, timestamp }: Message) => {
  const about = new Map(elements.get("registrar@32473"))
  const rest = JSON.parse(about.get("rest") ?? "{}")
  for (const name of ["rest", "seq", "hash"]) about.delete(name)
  const details = new Map<string, unknown>(elements.get("details@32473") ?? [])
  for (const [name, value] of Object.entries(rest.details ?? {})) details.set(name, value)
  return {
    date: timestamp,
    message: text.replace(/^\ufeff/, ""),
    ...Object.fromEntries(about),
    ...rest,
    details: comparable(details)
  }
}

describe("RFC 5424", () => {
  it("is kept to by every record, which can be made of its message again", () => {
    fc.assert(
      fc.property(records, (record) => {
        const message = read(transmit(Syslog.make().line(record)))
        assert.isTrue(message.text.startsWith("\ufeff"))
        assert.deepStrictEqual(restore(message), membersOf(record))
      }),
      { numRuns: 1000 }
    )
  })

  it("is kept to whatever the options are", () => {
    const options = fc.record({
      facility: fc.constantFrom(...Syslog.facilities),
      hostname: fc.string({ unit: "binary", maxLength: 300 }),
      appName: fc.string({ unit: "binary", maxLength: 300 }),
      procId: fc.string({ unit: "binary", maxLength: 300 }),
      enterpriseNumber: fc.nat(),
      message: fc.constantFrom(undefined, AuditFormat.stored, Cef.make()),
      bom: fc.boolean()
    })
    fc.assert(
      fc.property(records, options, (record, given) => {
        const { elements, priority, text } = read(transmit(Syslog.make(given).line(record)))
        assert.strictEqual(priority >> 3, Syslog.facilities.indexOf(given.facility))
        assert.strictEqual([...elements.keys()][0], `registrar@${given.enterpriseNumber}`)
        if (given.message !== undefined) assert.strictEqual(text, given.message.line(record))
        else assert.strictEqual(text.startsWith("\ufeff"), given.bom)
      }),
      { numRuns: 300 }
    )
  })

  it("has a message for a record", () => {
    const record = link(
      make({
        message: "User 'ada' failed to log in",
        type: "a-type-that-is-longer-than-the-32-characters",
        details: { ip: "10.0.0.1", user: "ada", reason: 'a "b" \\ [c]', count: 3, "a b": 1, list: [1], nothing: null },
        requestId: "r-1",
        source: "configuration server"
      })
    )
    assert.strictEqual(
      Syslog.make({ hostname: "web-1.example.com", procId: "4711" }).line(record),
      "<108>1 2024-01-31T12:00:00.007Z web-1.example.com configuration_server 4711 a-type-that-is-longer-than-the-3 " +
        '[registrar@32473 type="a-type-that-is-longer-than-the-32-characters" level="WARNING" source="configuration server" ' +
        `requestId="r-1" seq="12" hash="${record.line.slice(-67, -3)}" ` +
        'rest="{\\"details\\":{\\"count\\":3,\\"a b\\":1,\\"list\\":[1\\],\\"nothing\\":null}}"]' +
        '[details@32473 ip="10.0.0.1" user="ada" reason="a \\"b\\" \\\\ [c\\]" count="3" nothing="null"] ' +
        "\ufeffUser 'ada' failed to log in"
    )
  })

  it("has a severity for each level", () => {
    const priorities = (["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const).map(
      (level) => read(Syslog.make({ facility: "local0" }).line(make({ level }))).priority - 128
    )
    assert.deepStrictEqual(priorities, [7, 6, 4, 3, 2])
  })
})

/** Text that the parsers below can take: they split at spaces, and take brackets in the message for structured data. */
const words = fc
  .array(fc.stringMatching(/^[a-z0-9.'_/-]{1,12}$/), { minLength: 1, maxLength: 4 })
  .map((all) => all.join(" "))
const plainDetails = fc.dictionary(
  fc.stringMatching(/^[a-z]{1,8}$/).filter((key) => key !== "constructor"),
  words
)
const plainRecords = fc
  .record({
    message: words,
    details: plainDetails,
    requestId: words,
    level: fc.constantFrom("INFO", "WARNING", "CRITICAL")
  })
  .map((given) => make({ ...given, type: "test-event" } as Parameters<typeof make>[0]))
const plain = Syslog.make({ hostname: "web-1", procId: "4711", bom: false })

describe("glossy", () => {
  it("reads what was written", () => {
    fc.assert(
      fc.property(plainRecords, (record) => {
        const found = glossy.Parse.parse(plain.line(record)) as Record<string, unknown>
        const { appName, facility, host, message, msgID, pid, structuredData, time, type } = found
        assert.deepStrictEqual(
          { appName, facility, host, message, msgID, pid, type },
          {
            appName: "server",
            facility: "audit",
            host: "web-1",
            message: record.message,
            msgID: "test-event",
            pid: "4711",
            type: "RFC5424"
          }
        )
        assert.strictEqual((time as Date).toISOString(), record.date)
        const elements = structuredData as Record<string, Record<string, string>>
        const { requestId } = record.event
        assert.deepInclude(elements["registrar@32473"], { type: "test-event", requestId, level: record.level })
        assert.deepStrictEqual(elements["details@32473"] ?? {}, record.event.details)
      })
    )
  })

  it("reads what is escaped", () => {
    const details = { reason: 'a "b" \\ [c] = \\" ]', user: "Žofie" }
    const { message, severity, structuredData } = glossy.Parse.parse(plain.line(make({ details }))) as Record<
      string,
      unknown
    >
    assert.deepStrictEqual((structuredData as Record<string, unknown>)["details@32473"], details)
    assert.deepStrictEqual([message, severity], ["hello", "warn"])
  })
})

describe("nsyslog-parser", () => {
  it("reads what was written", () => {
    fc.assert(
      fc.property(plainRecords, (record) => {
        const { appName, facility, host, level, message, messageid, pid, structuredData, ts, type } = parse(
          plain.line(record)
        )
        assert.deepStrictEqual(
          { appName, facility, host, message, messageid, pid, type, ts: ts.toISOString() },
          {
            appName: "server",
            facility: "security",
            host: "web-1",
            message: record.message,
            messageid: "test-event",
            pid: "4711",
            type: "RFC5424",
            ts: record.date
          }
        )
        assert.strictEqual(level, { INFO: "info", WARNING: "warn", CRITICAL: "crit" }[record.level as "INFO"])
        const { requestId, type: eventType } = structuredData.find(({ $id }) => $id === "registrar@32473")!
        assert.deepStrictEqual([requestId, eventType], [record.event.requestId, "test-event"])
        const { $id: _, ...details } = structuredData.find(({ $id }) => $id === "details@32473") ?? { $id: "" }
        assert.deepStrictEqual(details, record.event.details)
      })
    )
  })

  it("reads CEF in it", () => {
    const { cef, fields, type } = parse(
      Syslog.make({ hostname: "web-1", message: Cef.make() }).line(make({ details: { user: "ada" } }))
    )
    assert.deepInclude(cef, { deviceProduct: "server", deviceEventClassID: "test-event", severity: "6" })
    assert.deepInclude(fields, { suser: "ada", msg: "hello" })
    assert.strictEqual(type, "CEF")
  })
})

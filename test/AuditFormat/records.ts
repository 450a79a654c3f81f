/** Records of every kind that there can be, for laws. */
import fc from "fast-check"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import * as BuiltInEvents from "../../src/BuiltInEvents.js"

type Json = AuditRecord.Contents["event"]["details"][string]

/** What breaks lines, formats, parsers and terminals. */
const hostile = fc.constantFrom(
  "",
  " ",
  " x ",
  "-",
  "\n",
  "a\r\nb",
  "\u0000",
  "\u001b[31mred",
  "\u0085",
  "\u2028",
  "\u202egnp.exe",
  "\ufeff",
  "\uffff",
  "\u{1fffe}",
  "\ud800",
  "\udc00x",
  "👩‍👩‍👧",
  '"',
  "\\",
  "]",
  '\\" ] [x@1 y="z"]',
  "a=b c=d",
  "\\=",
  "a|b\\|c",
  "%s{}$1",
  "__proto__",
  "constructor",
  "{}",
  "null",
  "3",
  "1234567890".repeat(200)
)

const text = fc.oneof(
  { weight: 3, arbitrary: hostile },
  { weight: 3, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.tuple(hostile, fc.string(), hostile).map((parts) => parts.join("")) }
)

/** As it comes out of a line: JSON knows no negative zero. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json)

const addresses = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((ip) => ip.toLowerCase()),
  fc.constantFrom("fe80::1%eth0", "256.1.1.1", "1.2.3", "::", "::ffff:10.0.0.1", "010.0.0.1")
)

const context = fc.record(
  {
    ip: fc.oneof(addresses, text, json),
    path: fc.oneof(fc.constant("/login"), text, json),
    user: fc.oneof(fc.constant("ada"), text, json)
  },
  { requiredKeys: [] }
)

const names = fc.oneof(
  text,
  fc.constantFrom(
    "reason",
    "count",
    "__proto__",
    "constructor",
    "toJSON",
    "a.b",
    "a_b",
    "error",
    "msg",
    "rest",
    "src",
    "date"
  )
)

const details = fc
  .tuple(context, fc.array(fc.tuple(names, fc.oneof(text, json)), { maxLength: 6 }))
  .map(([known, others]): AuditRecord.Contents["event"]["details"] =>
    // From text, so that a name such as `__proto__` is one of its own.
    Object.fromEntries([...Object.entries(known), ...others] as ReadonlyArray<readonly [string, Json]>)
  )

const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length }).map((all) => all.join(""))

const event = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...BuiltInEvents.builtIns.map(({ type }) => type), "auth-login-failed"), text),
    details,
    intent: fc.oneof(fc.uuid(), text),
    requestId: fc.oneof(fc.uuid(), text),
    traceId: fc.oneof(hex(32), text),
    spanId: fc.oneof(hex(16), text)
  },
  { requiredKeys: ["type", "details"] }
)

const dates = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .date({ noInvalidDate: true, min: new Date("0000-01-01"), max: new Date("9999-12-31") })
      .map((date) => date.toISOString())
  },
  // The form of a date, which no calendar has.
  {
    weight: 1,
    arbitrary: fc.constantFrom("2023-02-30T00:00:00.000Z", "9999-99-99T99:99:99.999Z", "2024-01-01T24:00:00.000Z")
  }
)

const unchained = fc
  .record({
    level: fc.constantFrom("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    date: dates,
    message: text,
    event,
    source: text
  })
  .map((contents) => AuditRecord.make(contents as AuditRecord.Contents))

const chained = fc.tuple(unchained, fc.nat(1_000_000)).map(([record, seq]) => ({
  ...record,
  line: AuditChain.link({ seq, hash: "a".repeat(64) }, record.line).line
}))

export const records: fc.Arbitrary<AuditRecord.AuditRecord> = fc.oneof(unchained, chained)

/** One that nothing is wrong with. */
export const make = (
  contents: Partial<Omit<AuditRecord.Contents, "event">> & Partial<AuditRecord.Contents["event"]> = {}
) => {
  const {
    level = "WARNING",
    date = "2024-01-31T12:00:00.007Z",
    message = "hello",
    source = "server",
    ...event
  } = contents
  return AuditRecord.make({ level, date, message, source, event: { type: "test-event", details: {}, ...event } })
}

/** The same in a chain. */
export const link = (record: AuditRecord.AuditRecord, seq = 12): AuditRecord.AuditRecord => ({
  ...record,
  line: AuditChain.link({ seq: seq - 1, hash: "a".repeat(64) }, record.line).line
})

/** Details in a form that can be compared, also where a name is `__proto__` or a value has a `toString` of its own. */
export const comparable = (details: Iterable<readonly [name: string, value: unknown]>): string =>
  JSON.stringify([...details].sort(([a], [b]) => (a < b ? -1 : 1)))

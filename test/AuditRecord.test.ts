import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import fc from "fast-check"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditRecord from "../src/AuditRecord.js"
import { stringify } from "../src/internal/jsonText.js"

const contents: AuditRecord.Contents = {
  level: "INFO",
  date: "2024-01-31T12:00:00.007Z",
  message: "hello",
  event: { type: "test", details: { ip: "192.0.2.1" } },
  source: "tests"
}

const withoutNegativeZero = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe("make", () => {
  it("is one line, whose members have their order", () => {
    assert.strictEqual(
      AuditRecord.make({ source: "tests", event: contents.event, message: "hello", date: contents.date, level: "INFO" })
        .line,
      `{"level":"INFO","date":"2024-01-31T12:00:00.007Z","message":"hello",` +
        `"event":{"type":"test","details":{"ip":"192.0.2.1"}},"source":"tests"}`
    )
  })

  it("is the line that stringify writes of the whole", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.record(
          { intent: fc.string(), requestId: fc.string(), traceId: fc.string(), spanId: fc.string() },
          { requiredKeys: [] }
        ),
        (text, given, ids) => {
          const details = withoutNegativeZero(given) as AuditRecord.Contents["event"]["details"]
          const whole = { ...contents, message: text, event: { type: text, details, ...ids }, source: text }
          const { level, date, message, event, source } = whole
          assert.strictEqual(AuditRecord.make(whole).line, stringify({ level, date, message, event, source }))
        }
      )
    )
  })

  it("ends the event with its intent, where it has one", () => {
    const record = AuditRecord.make({ ...contents, event: { intent: "one", ...contents.event } })
    assert.include(record.line, `"event":{"type":"test","details":{"ip":"192.0.2.1"},"intent":"one"},`)
    assert.deepStrictEqual(Either.getOrThrow(AuditRecord.fromLine(record.line)), record)
  })
})

describe("fromEvent", () => {
  const event = AuditEvent.make("test", { level: "Info", message: "hello" })
  const given = { source: "tests", date: contents.date, context: { requestId: "r" }, intent: "i" }
  const trace = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }

  it("has the trace after the request", () => {
    const { record } = AuditRecord.fromEvent(event, {}, { ...given, trace })
    assert.include(
      record.line,
      `"details":{},"intent":"i","requestId":"r","traceId":"${trace.traceId}","spanId":"${trace.spanId}"},"source":"tests"}`
    )
    assert.deepStrictEqual(record.event, { type: "test", details: {}, intent: "i", requestId: "r", ...trace })
    assert.deepStrictEqual(Either.getOrThrow(AuditRecord.fromLine(record.line)), record)
  })

  it("has none where there is none", () => {
    const { record } = AuditRecord.fromEvent(event, {}, given)
    assert.deepStrictEqual(Object.keys(record.event), ["type", "details", "intent", "requestId"])
    assert.deepStrictEqual(Object.keys(JSON.parse(record.line).event), ["type", "details", "intent", "requestId"])
  })
})

describe("fromLine", () => {
  it("gives back every record that was made", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toJSON")), fc.jsonValue()),
        (text, given) => {
          const details = withoutNegativeZero(given) as AuditRecord.Contents["event"]["details"]
          const record = AuditRecord.make({ ...contents, message: text, source: text, event: { type: text, details } })
          assert.notMatch(record.line, /[\n\r\u2028\u2029\u0085]/)
          assert.deepStrictEqual(Either.getOrThrow(AuditRecord.fromLine(record.line)), record)
        }
      )
    )
  })

  it("keeps the line as it was given, byte for byte", () => {
    const line = ` ${AuditRecord.make(contents).line.replace(":", " : ")} `
    assert.strictEqual(Either.getOrThrow(AuditRecord.fromLine(line)).line, line)
  })

  const { line } = AuditRecord.make(contents)
  const wrong: ReadonlyArray<readonly [name: string, line: string]> = [
    ["nothing", ""],
    ["half a line", line.slice(0, 40)],
    ["two lines", `${line}\n${line}`],
    ["a list", "[]"],
    ["null", "null"],
    ["another level", line.replace("INFO", "Info")],
    ["a date that is none", line.replace("2024-01-31T12:00:00.007Z", "yesterday")],
    ["a date without milliseconds", line.replace(".007Z", "Z")],
    ["details that are a list", line.replace('{"ip":"192.0.2.1"}', "[]")],
    ["details that are null", line.replace('{"ip":"192.0.2.1"}', "null")],
    ["a trace that is no text", line.replace('"}},', '"},"traceId":1},')],
    ["an intent that is no text", line.replace('"}},', '"},"intent":1},')],
    ["no source", line.replace(',"source":"tests"', "")],
    ["very deep nesting that is nothing else", "[".repeat(100_000)]
  ]
  for (const [name, text] of wrong) {
    it(`refuses ${name} with a sentence`, () => {
      const error = Either.getOrThrow(Either.flip(AuditRecord.fromLine(text)))
      assert.instanceOf(error, AuditRecord.InvalidRecord)
      assert.match(error.message, /^The line is not an audit record: ./)
    })
  }
})

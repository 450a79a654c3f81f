import { assert, describe, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import fc from "fast-check"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import * as Otlp from "../../src/internal/otlp.js"
import { attributesOf, decode, type LogRecord, problemsOf } from "../AuditSink/otlp/proto.js"

const contents: AuditRecord.Contents = {
  level: "WARNING",
  date: "2024-01-31T12:00:00.007Z",
  message: "User 'ada' failed to log in",
  event: {
    type: "auth-login-failed",
    details: { ip: "192.0.2.1", path: "/login", user: "ada", reason: "unknown token", count: 3 },
    intent: "0190",
    requestId: "r-1",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331"
  },
  source: "tests"
}

const how: Otlp.How = { observed: 1_706_702_400_123, original: true, chain: undefined }

/** As a collector reads it. */
const encode = (record: AuditRecord.AuditRecord, options: Partial<Otlp.How> = {}): LogRecord => {
  const request = Otlp.envelope({ "service.name": "tests" })([Otlp.logRecord(record, { ...how, ...options })])
  return decode(request).resourceLogs[0].scopeLogs[0].logRecords[0]!
}

const attributes = (record: AuditRecord.AuditRecord, options?: Partial<Otlp.How>) =>
  attributesOf(encode(record, options).attributes)

const withDetails = (details: AuditRecord.Contents["event"]["details"]) =>
  AuditRecord.make({ ...contents, event: { type: "test", details } })

const detailsOf = (details: AuditRecord.Contents["event"]["details"]) => {
  const { "registrar.source": _, ...rest } = attributes(withDetails(details), { original: false })
  return rest
}

describe("logRecord", () => {
  it("is what the conventions of OpenTelemetry make of a record", () => {
    const record = AuditRecord.make(contents)
    const { attributes, ...rest } = encode(record)
    assert.deepStrictEqual(rest, {
      timeUnixNano: "1706702400007000000",
      observedTimeUnixNano: "1706702400123000000",
      severityNumber: 13,
      severityText: "WARNING",
      body: { stringValue: "User 'ada' failed to log in" },
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      eventName: "auth-login-failed"
    })
    assert.deepStrictEqual(attributesOf(attributes), {
      "client.address": "192.0.2.1",
      "url.path": "/login",
      "user.name": "ada",
      reason: "unknown token",
      count: 3,
      "registrar.source": "tests",
      "registrar.intent": "0190",
      "registrar.request_id": "r-1",
      "log.record.original": record.line
    })
  })

  it("has the severity of each level", () => {
    const severities = (["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const).map((level) => {
      const { severityNumber, severityText } = encode(AuditRecord.make({ ...contents, level }))
      return [severityNumber, severityText]
    })
    assert.deepStrictEqual(severities, [
      [5, "DEBUG"],
      [9, "INFO"],
      [13, "WARNING"],
      [17, "ERROR"],
      [21, "CRITICAL"]
    ])
  })

  it("has the place in the chain, and an id that tells records apart", () => {
    const { head, line } = AuditChain.link(AuditChain.genesis, AuditRecord.make(contents).line)
    const found = attributes({ ...contents, line }, { chain: head })
    assert.strictEqual(found["registrar.chain.seq"], 1)
    assert.strictEqual(found["registrar.chain.hash"], head.hash)
    assert.strictEqual(found["log.record.uid"], head.hash)
    assert.strictEqual(found["log.record.original"], line)
    assert.notProperty(attributes(AuditRecord.make(contents)), "log.record.uid")
  })

  it("has the stored line only where that is wanted", () => {
    assert.notProperty(attributes(AuditRecord.make(contents), { original: false }), "log.record.original")
  })

  it("keeps every kind of value", () => {
    const details = {
      text: "a",
      yes: true,
      no: false,
      nothing: null,
      whole: -7,
      zero: -0,
      largest: Number.MAX_SAFE_INTEGER,
      larger: 2 ** 53,
      half: 0.5,
      tiny: 5e-324,
      list: [1, "b", [null]],
      none: [],
      empty: {},
      nested: { a: { b: [{ c: 1 }] } }
    }
    assert.deepStrictEqual(detailsOf(details), { ...details, zero: 0 })
    const values = Object.fromEntries(encode(withDetails(details)).attributes.map(({ key, value }) => [key, value]))
    assert.deepStrictEqual(values["whole"], { intValue: "-7" })
    assert.deepStrictEqual(values["largest"], { intValue: "9007199254740991" })
    assert.deepStrictEqual(values["larger"], { doubleValue: 2 ** 53 })
    assert.deepStrictEqual(values["nothing"], {})
    assert.deepStrictEqual(values["none"], { arrayValue: { values: [] } })
    assert.deepStrictEqual(values["empty"], { kvlistValue: { values: [] } })
  })

  it("calls what the context knows by the names of the conventions, where it is that", () => {
    assert.deepStrictEqual(detailsOf({ path: "nightly-cleanup" }), { path: "nightly-cleanup" })
    assert.deepStrictEqual(detailsOf({ ip: null, path: null, user: null, other: null }), { other: null })
    assert.deepStrictEqual(detailsOf({ ip: 1, user: ["a"] }), { ip: 1, user: ["a"] })
  })

  it("lets no detail pass for what the library says", () => {
    const details = {
      user: "ada",
      "user.name": "eve",
      "client.address": "198.51.100.1",
      "url.path": "/x",
      "registrar.chain.seq": 7,
      "registrar.details.user.name": "mallory",
      "log.record.original": "{}",
      "log.record.uid": "0",
      "": "nameless"
    }
    assert.deepStrictEqual(detailsOf(details), {
      "user.name": "ada",
      "registrar.details.user.name": "eve",
      "registrar.details.client.address": "198.51.100.1",
      "registrar.details.url.path": "/x",
      "registrar.details.registrar.chain.seq": 7,
      "registrar.details.registrar.details.user.name": "mallory",
      "registrar.details.log.record.original": "{}",
      "registrar.details.log.record.uid": "0",
      "registrar.details.": "nameless"
    })
  })

  it("has whole characters only, and still as many names", () => {
    const half = "\ud800"
    const record = AuditRecord.make({
      ...contents,
      message: `a${half}`,
      event: { type: half, details: { [half]: half, "\udc00": 1, "\\ud800": 2, "\ufffd": 3 } }
    })
    const encoded = encode(record)
    assert.deepStrictEqual(encoded.body, { stringValue: "a\ufffd" })
    assert.strictEqual(encoded.eventName, "\ufffd")
    const { "registrar.source": _, "log.record.original": original, ...rest } = attributesOf(encoded.attributes)
    assert.deepStrictEqual(rest, { "\\ud800": "\ufffd", "\\udc00": 1, "\\u005cud800": 2, "\ufffd": 3 })
    // There nothing is replaced.
    assert.deepStrictEqual(Either.getOrThrow(AuditRecord.fromLine(String(original))), record)
  })

  it("goes no deeper than readers do, and keeps what lies deeper as text", () => {
    let deep: AuditRecord.Contents["event"]["details"] = { end: "here" }
    for (let depth = 0; depth < 60; depth++) deep = depth % 2 === 0 ? { a: deep } : { b: [deep] }
    const record = withDetails(deep)
    let at: unknown = attributes(record)
    let depth = 0
    while (typeof at === "object" && at !== null) {
      at = Object.values(at)[0]
      depth++
    }
    assert.isAtMost(depth, 20)
    assert.include(JSON.stringify(JSON.parse(String(at))), '{"end":"here"}')
    const deepest = Math.max(...nestings(Otlp.envelope({})([Otlp.logRecord(record, how)])))
    assert.isAtMost(deepest, 100)
  })

  it("leaves out a time that is none, and ids that are none", () => {
    const times: ReadonlyArray<readonly [date: string, nanos: string | undefined]> = [
      ["1970-01-01T00:00:00.001Z", "1000000"],
      ["1970-01-01T00:00:00.000Z", undefined],
      ["1969-12-31T23:59:59.999Z", undefined],
      ["2554-07-21T23:34:33.709Z", "18446744073709000000"],
      ["2554-07-21T23:34:33.710Z", undefined],
      ["2024-99-31T12:00:00.000Z", undefined]
    ]
    for (const [date, nanos] of times) {
      assert.strictEqual(encode(AuditRecord.make({ ...contents, date })).timeUnixNano, nanos, date)
    }
    for (const ids of [{ traceId: "0".repeat(32) }, { spanId: "xyz" }, { spanId: "" }]) {
      const encoded = encode(AuditRecord.make({ ...contents, event: { ...contents.event, ...ids } }))
      assert.notProperty(encoded, "traceId")
      assert.notProperty(encoded, "spanId")
    }
  })

  it("is what the published messages allow, whatever the record holds", () => {
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "__proto__",
        "constructor",
        "toJSON",
        "",
        "ip",
        "path",
        "user",
        "user.name",
        "registrar.x",
        "\ud800"
      )
    )
    const value = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: "large" },
        fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.boolean(), fc.constant(null), fc.maxSafeInteger()),
        fc.array(tie("json"), { maxLength: 3 }),
        fc.dictionary(name, tie("json"), { maxKeys: 3 })
      )
    })).json
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.string({ unit: "binary" }), fc.boolean(), (given, text, isChained) => {
        // As it is after it was stored.
        const details = JSON.parse(JSON.stringify(given)) as AuditRecord.Contents["event"]["details"]
        const record = AuditRecord.make({
          ...contents,
          message: text,
          source: text,
          event: { type: text, details, intent: text, requestId: text, traceId: text, spanId: text }
        })
        const { head, line } = AuditChain.link(AuditChain.genesis, record.line)
        const stored = isChained ? { ...record, line } : record
        const found = attributes(stored, { chain: isChained ? head : undefined })
        assert.strictEqual(found["log.record.original"], stored.line)
        // Nothing is lost on the way there.
        assert.deepStrictEqual(Either.getOrThrow(AuditRecord.fromLine(stored.line)).event.details, record.event.details)
        const unnamed = ["ip", "path", "user"].filter((name) => details[name] === null).length
        const ours = isChained ? 7 : 4
        assert.strictEqual(Object.keys(found).length, Object.keys(details).length - unnamed + ours)
      })
    )
  })
})

/** How deep the JSON text is at each of its brackets. */
const nestings = (json: string) => {
  let depth = 0
  return Array.from(json.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").matchAll(/[[\]{}]/g), ([bracket]) =>
    bracket === "{" || bracket === "[" ? ++depth : depth--
  )
}

describe("envelope", () => {
  it("holds the resource once, and the records in their order", () => {
    const records = [1, 2, 3].map((number) => Otlp.logRecord(withDetails({ number }), how))
    const resource = {
      "service.name": "tests",
      replicas: 2,
      tags: ["a"],
      token: Redacted.make("s3cret"),
      when: undefined
    }
    const { resourceLogs } = decode(Otlp.envelope(resource)(records))
    assert.lengthOf(resourceLogs, 1)
    const [{ resource: found, scopeLogs }] = resourceLogs
    assert.deepStrictEqual(attributesOf(found.attributes), {
      "service.name": "tests",
      replicas: 2,
      tags: ["a"],
      token: "<redacted>",
      when: null
    })
    assert.lengthOf(scopeLogs, 1)
    assert.strictEqual(scopeLogs[0].scope.name, "effect-registrar")
    assert.deepStrictEqual(
      scopeLogs[0].logRecords.map(({ attributes }) => attributesOf(attributes)["number"]),
      [1, 2, 3]
    )
  })
})

describe("the check against the published messages", () => {
  const valid = { timeUnixNano: "1", severityNumber: 9, attributes: [{ key: "a", value: { intValue: "1" } }] }
  const wrong: Readonly<Record<string, object>> = {
    "a name as in the file": { time_unix_nano: "1" },
    "a name of nothing": { name: "x" },
    "a number of 64 bits as a number": { timeUnixNano: 1 },
    "a negative fixed64": { timeUnixNano: "-1" },
    "a fixed64 that is too large": { timeUnixNano: "18446744073709551616" },
    "a severity by its name": { severityNumber: "SEVERITY_NUMBER_INFO" },
    "a severity that there is not": { severityNumber: 25 },
    "an id in base64": { traceId: "CvdlGRbNQ92ESOshHIAxnA==" },
    "an id of zeros": { spanId: "0000000000000000" },
    "two values in one": { body: { stringValue: "a", boolValue: true } },
    "an int64 that is none": { body: { intValue: "1.5" } },
    "a double that is none": { body: { doubleValue: null } },
    "half a character": { body: { stringValue: "\ud800" } },
    "attributes as an object": { attributes: { a: 1 } },
    "an attribute twice": { attributes: [{ key: "a" }, { key: "a" }] },
    "an attribute without a name": { attributes: [{ key: "", value: {} }] },
    "a key of a list of pairs twice": { body: { kvlistValue: { values: [{ key: "a" }, { key: "a" }] } } },
    null: { body: null }
  }

  it("takes what is right", () => {
    assert.deepStrictEqual(problemsOf(valid, "LogRecord"), [])
  })
  for (const [what, members] of Object.entries(wrong)) {
    it(`does not take ${what}`, () => {
      assert.lengthOf(problemsOf({ ...valid, ...members }, "LogRecord"), 1)
    })
  }
})

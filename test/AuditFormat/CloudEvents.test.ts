import { assert, describe, it } from "@effect/vitest"
import { type CloudEvent, HTTP } from "cloudevents"
import { validateCloudEvent } from "cloudevents/dist/event/spec.js"
import fc from "fast-check"
import * as AuditChain from "../../src/AuditChain.js"
import * as CloudEvents from "../../src/AuditFormat/CloudEvents.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import { link, make, records } from "./records.js"

const plain = CloudEvents.make()

const formats = [
  plain,
  CloudEvents.make({ source: "https://config.example.com", typePrefix: "com.example.", instance: "web-1" })
]

/** The official JSON Schema, and the rules for names of attributes. It throws where they are broken. */
const read = (line: string) => {
  const event = JSON.parse(line)
  assert.isTrue(validateCloudEvent(event))
  return event
}

const eventOf = (record: AuditRecord, format = plain) => JSON.parse(format.line(record))

describe("the specification", () => {
  it("is kept to by every record", () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...formats), (record, format) => {
        const event = read(format.line(record))
        assert.strictEqual(event.specversion, "1.0")
        for (const [name, value] of Object.entries(JSON.parse(format.line(record)))) {
          if (name === "data") continue
          assert.match(name, /^[a-z0-9]{1,20}$/)
          // Text without control characters, halves of characters and what is no character; never empty.
          assert.isTrue(
            typeof value === "number" || (typeof value === "string" && /^[^\p{Cc}\p{Cs}\p{NChar}]+$/u.test(value)),
            `${name}: ${JSON.stringify(value)}`
          )
        }
      }),
      { numRuns: 500 }
    )
  })

  it("is what the parser for HTTP reads, with the record in it", () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...formats), (record, format) => {
        const line = format.line(record)
        const event = HTTP.toEvent({ headers: { "content-type": format.contentType }, body: line })
        assert.isFalse(Array.isArray(event))
        const { data, id, time } = event as CloudEvent<unknown>
        assert.deepStrictEqual(data, JSON.parse(record.line))
        // It fills in a time where there is none.
        const { time: given = new Date(time ?? "").toISOString(), id: givenId } = JSON.parse(line)
        assert.deepStrictEqual([id, new Date(time ?? "").toISOString()], [givenId, given])
      }),
      { numRuns: 300 }
    )
  })

  it("is checked: the parser refuses what does not keep to it", () => {
    const { id: _, ...event } = eventOf(make())
    for (const wrong of [
      event,
      { ...event, id: "" },
      { ...event, id: "1", Type: "x" },
      { ...event, id: "1", source: "a b" }
    ]) {
      assert.throws(() => read(JSON.stringify(wrong)))
    }
  })
})

describe("an event", () => {
  const record = link(
    make({
      level: "CRITICAL",
      message: "hello",
      type: "auth-login-failed",
      details: { path: "/login", user: "ada" },
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b9c7c989f97918e1",
      source: "configuration server"
    })
  )
  const hash = record.line.slice(-67, -3)

  it("has what the standard and its extensions have names for", () => {
    const { data, ...attributes } = eventOf(record)
    assert.deepStrictEqual(attributes, {
      specversion: "1.0",
      id: hash,
      source: "configuration%20server",
      type: "auth-login-failed",
      time: "2024-01-31T12:00:00.007Z",
      subject: "/login",
      datacontenttype: "application/json",
      severitytext: "CRITICAL",
      severitynumber: 21,
      sequence: "000000000000012",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"
    })
    assert.deepStrictEqual(data, JSON.parse(record.line))
  })

  it("has what the application says of itself", () => {
    const { id, source, type } = eventOf(record, formats[1])
    assert.deepStrictEqual(
      { id, source, type },
      { id: "web-1/12", source: "https://config.example.com", type: "com.example.auth-login-failed" }
    )
  })

  it("leaves out a trace that is none, and a subject and a date that are none", () => {
    const event = eventOf(
      make({
        traceId: "0".repeat(32),
        spanId: "b9c7c989f97918e1",
        details: { path: "" },
        date: "2023-02-30T00:00:00.000Z"
      })
    )
    assert.doesNotHaveAnyKeys(event, ["traceparent", "subject", "time"])
    assert.strictEqual(event.data.date, "2023-02-30T00:00:00.000Z")
  })

  it("carries the stored line byte for byte, so that a chain can be verified over it", () => {
    const verifier = AuditChain.verifier()
    let head = AuditChain.genesis
    for (const message of ["one", "👩‍👩‍👧 \u2028\u202e", "three"]) {
      const linked = AuditChain.link(head, make({ message }).line)
      head = linked.head
      const line = plain.line({ ...make({ message }), line: linked.line })
      const data = line.slice(line.indexOf(',"data":') + ',"data":'.length, -1)
      verifier.line(new TextEncoder().encode(data))
    }
    const report = verifier.end()
    assert.deepStrictEqual([report.problem, report.records], [undefined, 3])
  })

  it("is one line, even where the stored line was written by somebody else", () => {
    const given = make({ message: "x" })
    const line = given.line.replace('"x"', ' \r\n\t"x\u2028y"\n')
    const event = plain.line({ ...given, line })
    assert.notMatch(event, /[\n\r\u2028]/)
    assert.strictEqual(JSON.parse(event).data.message, "x\u2028y")
  })
})

describe("ids", () => {
  it("are the same for a record that is given again, and never for two", () => {
    const format = CloudEvents.make()
    const twins = [make(), make(), make()] as const
    const idsOf = () => twins.map((record) => eventOf(record, format).id)
    const first = idsOf()
    assert.lengthOf(new Set(first), 3)
    assert.deepStrictEqual(idsOf(), first)
    // The same again elsewhere, as far as there is nothing that tells them apart.
    assert.strictEqual(eventOf(make(), CloudEvents.make()).id, first[0])
    assert.notInclude(first, eventOf(make({ message: "other" }), format).id)
  })

  it("tell instances apart", () => {
    const [one, other] = [CloudEvents.make({ instance: "web-1" }), CloudEvents.make({ instance: "web-2" })]
    assert.notStrictEqual(eventOf(make(), one).id, eventOf(make(), other).id)
    assert.deepStrictEqual([eventOf(link(make()), one).id, eventOf(link(make()), other).id], ["web-1/12", "web-2/12"])
  })

  it("take no more memory the more records there are, and tell those apart that lie close to each other", () => {
    const format = CloudEvents.make()
    const idOf = (message: string) => eventOf(make({ message }), format).id
    const first = idOf("first")
    for (let nth = 0; nth < 4000; nth++) idOf(`${nth}`)
    assert.notStrictEqual(idOf("first"), first)
    for (let nth = 0; nth < 5000; nth++) idOf(`again ${nth}`)
    assert.strictEqual(idOf("first"), first)
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import fc from "fast-check"
import * as Message from "../../src/AuditNats/Message.js"
import { placeOf } from "../../src/AuditNats/Pull.js"
import { takes } from "../../src/AuditNats/Trail.js"
import { chained, nonEmpty } from "../support/chains.js"

const chains = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 50 }),
      fc.nat(3000).map((size) => "ä".repeat(size))
    ),
    {
      minLength: 1,
      maxLength: 30
    }
  )
  .map((messages) => nonEmpty(chained(messages.map((message) => ({ message })))))

const extentOf = ({ first, hash, last, part }: Message.Extent) => ({ first, hash, last, part })

const headersOf = (message: Message.Extent, after: number) => {
  const headers = new Map(Message.headersOf(message, after))
  return (name: string) => headers.get(name)
}

describe("cut", () => {
  it("makes messages of all lines in their order, none larger than it may be", () => {
    fc.assert(
      fc.property(
        chains,
        fc.integer({ min: 600, max: 5000 }),
        fc.integer({ min: 0, max: 40 }),
        (records, limit, end) => {
          const messages = Message.cut(records, limit, end)
          const lines = records.map(({ record }) => `${record.line}\n`).join("")
          assert.strictEqual(Buffer.concat(messages.map(({ data }) => data)).toString(), lines)
          for (const { data } of messages) assert.isAtMost(data.length, limit)
          // Each begins after the one before, and each record of the chain is in one.
          const whole = messages.filter(Message.isWhole)
          assert.deepStrictEqual(
            whole.map(({ first }) => first),
            [1, ...whole.slice(0, -1).map(({ last }) => last + 1)]
          )
          assert.strictEqual(whole.at(-1)?.last, records.length)
          for (const { hash, last } of whole) assert.strictEqual(hash, records[last - 1]!.hash)
          if (end >= 1 && end <= records.length) assert.isTrue(whole.some(({ last }) => last === end))
          // Nothing that would go together is apart.
          for (const [index, message] of whole.entries()) {
            const next = whole[index + 1]
            if (next === undefined || message.last === end || message.part || next.part) continue
            const added = Buffer.byteLength(records[next.first - 1]!.record.line) + 1
            assert.isAbove(message.data.length + added, limit)
          }
        }
      )
    )
  })

  it("cuts again what was cut before as it was", () => {
    fc.assert(
      fc.property(chains, fc.integer({ min: 600, max: 5000 }), fc.nat(30), (records, limit, size) => {
        const before = Message.cut(nonEmpty(records.slice(0, size + 1)), limit)
        const attempted = before.at(-1)!.last
        const again = Message.cut(records, limit, attempted)
        assert.deepStrictEqual(again.slice(0, before.length), before)
      })
    )
  })

  it("numbers the parts of a record that is too large", () => {
    const [small, large] = chained([{ message: "" }, { message: "x".repeat(2500) }])
    const messages = Message.cut([small!, large!, small!], 1000)
    assert.deepStrictEqual(
      messages.map(({ first, last, part }) => [first, last, part]),
      [
        [1, 1, undefined],
        [2, 2, { number: 1, of: 3 }],
        [2, 2, { number: 2, of: 3 }],
        [2, 2, { number: 3, of: 3 }],
        [1, 1, undefined]
      ]
    )
    assert.deepStrictEqual(messages.map(Message.isWhole), [true, false, false, true, true])
  })
})

describe("the headers", () => {
  it("say which records a message holds", () => {
    fc.assert(
      fc.property(chains, fc.integer({ min: 600, max: 5000 }), fc.nat(), (records, limit, after) => {
        for (const message of Message.cut(records, limit)) {
          const read = Either.getOrThrowWith(Message.read(headersOf(message, after)), (problem) => new Error(problem))
          assert.deepStrictEqual(extentOf(read), extentOf(message))
          if (message.part !== undefined) assert.strictEqual(read.after, after)
        }
      })
    )
  })

  it("are few enough for what is kept free for them", () => {
    const message = { first: 1e15 - 1, last: 1e15 - 1, hash: "f".repeat(64), part: { number: 1e9 - 1, of: 1e9 - 1 } }
    const instance = "x".repeat(128)
    const all = [
      ...Message.headersOf(message, 1e15 - 1),
      ["Nats-Msg-Id", Message.idOf(instance, message, 1e15 - 1)],
      ["Nats-Expected-Stream", "x".repeat(255)],
      ["Nats-Expected-Last-Subject-Sequence", String(1e15 - 1)]
    ]
    const bytes = all.reduce((sum, [name, value]) => sum + `${name}: ${value}\r\n`.length, "NATS/1.0\r\n\r\n".length)
    assert.isAtMost(bytes, Message.headerBytes)
  })

  it("that are not ours are refused, whatever they are", () => {
    const good = headersOf({ first: 1, last: 2, hash: "0".repeat(64), part: { number: 1, of: 2 } }, 7)
    const bad: ReadonlyArray<readonly [string, string | undefined, RegExp]> = [
      ["Registrar-Form", undefined, /not written by an audit sink/],
      ["Registrar-Form", "", /not written by an audit sink/],
      ["Registrar-Form", "2", /form '2'/],
      ["Registrar-Records", "2-1", /which records/],
      ["Registrar-Records", "1", /which records/],
      ["Registrar-Records", "1-9999999999999999", /which records/],
      ["Registrar-Hash", "0".repeat(63), /which records/],
      ["Registrar-Hash", `${"0".repeat(64)}\n`, /which records/],
      ["Registrar-Part", "0/2", /which part/],
      ["Registrar-Part", "3/2", /which part/],
      ["Registrar-Part", "x", /which part/],
      ["Registrar-After", undefined, /which part/],
      ["Registrar-After", "-1", /which part/]
    ]
    for (const [name, value, sentence] of bad) {
      const read = Message.read((asked) => (asked === name ? value : good(asked)))
      assert.match(Either.getOrThrow(Either.flip(read)), sentence, `${name}: ${value}`)
    }
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(
            ...Message.headersOf({ first: 1, last: 1, hash: "", part: { number: 1, of: 1 } }, 0).map(([name]) => name)
          ),
          fc.string()
        ),
        (headers) => {
          Message.read((name) => headers[name])
        }
      )
    )
  })
})

describe("the records of a message", () => {
  const chain = chained([{ message: "a" }, { message: "b" }, { message: "c" }])
  const [message] = Message.cut(nonEmpty(chain), 10_000)
  const extent = message!
  const lines = chain.map(({ record }) => record.line)
  const of = (text: string, given: Message.Extent = extent) => Message.recordsOf("a", given, Buffer.from(text))

  it("are read as they were written", () => {
    assert.deepStrictEqual(of(lines.map((line) => `${line}\n`).join("")), { records: chain, problem: undefined })
  })

  it("are read up to the first that is damaged", () => {
    const [a, b, c] = lines as [string, string, string]
    for (const [text, good, sentence] of [
      [`${a}\n${b.replace('"b"', '"x"')}\n${c}\n`, 1, /line 2 is damaged/],
      [`${a}\n${c}\n`, 1, /line 2 does not follow/],
      [`${a}\n\n${b}\n`, 1, /line 2 is damaged/],
      [`${a}\n${a}\n`, 1, /line 2 does not follow/],
      ["", 0, /line 1 is damaged/],
      ["\0", 0, /line 1 is damaged/],
      ["null\n", 0, /line 1 is damaged/],
      [JSON.stringify({ message: "not chained" }), 0, /line 1 is damaged/],
      [`${a}\n${b}\n`, 0, /other records than its headers say/],
      [`${b}\n${c}\n`, 0, /other records than its headers say/]
    ] as const) {
      const { problem, records } = of(text)
      assert.match(problem ?? "", sentence, text)
      assert.deepStrictEqual(records, chain.slice(0, good))
    }
  })

  it("have dates that every store takes", () => {
    for (const date of [
      "2024-02-30T00:00:00.000Z",
      "0000-01-01T00:00:00.000Z",
      "2024-01-01T24:00:00.000Z",
      "2024-13-01T00:00:00.000Z"
    ]) {
      const strange = chained([{ date }])
      const [given] = Message.cut(nonEmpty(strange), 10_000)
      assert.match(Message.recordsOf("a", given!, given!.data).problem ?? "", /date that does not exist/, date)
    }
  })

  it("never throw", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (data) => void Message.recordsOf("a", extent, data)))
  })
})

describe("an id", () => {
  it("differs wherever the content does, and for parts wherever the place does", () => {
    const extent = { first: 1, last: 2, hash: "0".repeat(64), part: undefined }
    const part = { ...extent, part: { number: 1, of: 2 } }
    const ids = [
      Message.idOf("a", extent, 0),
      Message.idOf("b", extent, 0),
      Message.idOf("a", { ...extent, hash: "1".repeat(64) }, 0),
      Message.idOf("a", { ...extent, last: 3 }, 0),
      Message.idOf("a", part, 0),
      Message.idOf("a", { ...part, part: { number: 2, of: 2 } }, 0),
      Message.idOf("a", part, 1)
    ]
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.strictEqual(Message.idOf("a", extent, 0), Message.idOf("a", extent, 5))
  })
})

describe("a delivery", () => {
  it("says its place, as older and as newer servers write it", () => {
    assert.deepStrictEqual(placeOf("$JS.ACK.AUDIT.audit-store.2.57.60.1795720368451841947.9"), {
      sequence: 57,
      pending: 9
    })
    assert.deepStrictEqual(placeOf("$JS.ACK.hub.ACHASH.AUDIT.audit-store.2.57.60.1795720368451841947.9.random"), {
      sequence: 57,
      pending: 9
    })
  })
})

describe("a stream", () => {
  it("takes the subjects that its patterns name", () => {
    const of = (...subjects: Array<string>) => ({ subjects }) as Parameters<typeof takes>[0]
    for (const [patterns, subject, expected] of [
      [["audit.>"], "audit.web-1", true],
      [["audit.>"], "audit.web.1", true],
      [["audit.>"], "audit", false],
      [["audit.*"], "audit.web-1", true],
      [["audit.*"], "audit.web.1", false],
      [["audit.*.1"], "audit.web.1", true],
      [["other", "audit.web-1"], "audit.web-1", true],
      [["audit.web-1"], "audit.web-10", false],
      [["audit"], "audit.web-1", false],
      [[">"], "audit.web-1", true],
      [[], "audit.web-1", false]
    ] as const) {
      assert.strictEqual(takes(of(...patterns), subject), expected, `${patterns.join()} ${subject}`)
    }
  })
})

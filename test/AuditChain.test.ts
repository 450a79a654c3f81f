import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Option, Redacted } from "effect"
import fc from "fast-check"
import { spawnSync } from "node:child_process"
import * as Crypto from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { gzipSync } from "node:zlib"
import * as AuditChain from "../src/AuditChain.js"
import * as AuditRecord from "../src/AuditRecord.js"

const date = "2024-01-31T12:00:00.007Z"

const recordLine = (n: number, text = `User 'ada' has loaded /configs/database-${n}.json with 3 keys`): string =>
  AuditRecord.make({
    level: "INFO",
    date,
    message: text,
    event: { type: "configs-loaded", details: { ip: "192.0.2.7", path: `/configs/database-${n}.json`, user: "ada" } },
    source: "configuration-server"
  }).line

const newKey = () => {
  const pair = Effect.runSync(AuditChain.generateKeys)
  return {
    pem: pair.publicKey,
    signing: Either.getOrThrow(AuditChain.signingKey(pair.privateKey)),
    public: Either.getOrThrow(AuditChain.publicKey(pair.publicKey))
  }
}
type Key = ReturnType<typeof newKey>
const key = newKey()
const otherKey = newKey()

/** What the file sink does: links each line to the last, and seals. */
class Log {
  readonly lines: Array<string> = []
  head: AuditChain.Head

  constructor(head: AuditChain.Head = AuditChain.genesis) {
    this.head = head
  }
  add(line: string, mark?: AuditChain.Mark): void {
    const linked = AuditChain.link(this.head, line, mark)
    this.lines.push(linked.line)
    this.head = linked.head
  }
  seal(every: number, keys: readonly [Key, ...Array<Key>] = [key]): void {
    const signing = [keys[0].signing, ...keys.slice(1).map(({ signing }) => signing)] as const
    this.add(recordLine(this.head.seq + 1, "sealed"), {
      seal: AuditChain.seal(this.head, { date, every, keys: signing })
    })
  }
  /** Without keys, what anyone can write. */
  trim(before: number, every = 1, keys: ReadonlyArray<Key> = []): void {
    const [first, ...rest] = keys.map(({ signing }) => signing)
    const trimmed = { before }
    const seal = first && AuditChain.seal(this.head, { date, every, keys: [first, ...rest], trimmed })
    this.add(recordLine(this.head.seq + 1, "trimmed"), { trimmed, seal })
  }
}

const bytesOf = (lines: ReadonlyArray<string | Uint8Array>): Buffer =>
  Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]))

/** Splits at line feeds, as any reader of the file does. */
const verifyBytes = (bytes: Uint8Array, options: AuditChain.Options = {}): AuditChain.Report => {
  const verifier = AuditChain.verifier(options)
  let start = 0
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    verifier.line(bytes.subarray(start, end))
    start = end + 1
  }
  return verifier.end({ tornBytes: bytes.length - start })
}

const verify = (lines: ReadonlyArray<string | Uint8Array>, options: AuditChain.Options = {}): AuditChain.Report => {
  const verifier = AuditChain.verifier(options)
  for (const line of lines) verifier.line(typeof line === "string" ? Buffer.from(line) : line)
  return verifier.end()
}

/** Compared as plain values: two Options are iterables of one thing each, which chai takes for equal. */
const headOf = (line: string | Uint8Array) => Option.getOrUndefined(AuditChain.headOf(line))

const failed = ({ problem }: AuditChain.Report) => [problem?.reason, problem?.record]

/** The line as someone leaves it who can compute hashes: anyone. */
const rehash = (line: string): string => {
  const hashed = line.slice(0, line.lastIndexOf(',"hash":"'))
  return `${hashed},"hash":"${Crypto.createHash("sha256").update(hashed).digest("hex")}"}}`
}

/** The plain line of a chained one, and its mark. */
const unlink = (line: string): readonly [line: string, mark: AuditChain.Mark | undefined] => {
  const at = line.lastIndexOf(',"chain":')
  const { seal, trimmed } = JSON.parse(line).chain
  return [`${line.slice(0, at)}}`, seal === undefined && trimmed === undefined ? undefined : { seal, trimmed }]
}

/** From this index on, each line changed and linked anew, without any key. `undefined` removes it. */
const relink = (
  lines: ReadonlyArray<string>,
  from: number,
  change: (
    line: string,
    mark: AuditChain.Mark | undefined,
    index: number
  ) => readonly [string, AuditChain.Mark?] | undefined
): ReadonlyArray<string> => {
  const log = new Log(from === 0 ? AuditChain.genesis : Option.getOrThrow(AuditChain.headOf(lines[from - 1]!)))
  for (const [index, line] of lines.slice(from).entries()) {
    const changed = change(...unlink(line), from + index)
    if (changed !== undefined) log.add(...changed)
  }
  return [...lines.slice(0, from), ...log.lines]
}

const keep = (line: string, mark: AuditChain.Mark | undefined): readonly [string, AuditChain.Mark?] =>
  mark === undefined ? [line] : [line, mark]

describe("link", () => {
  const zeros = "0".repeat(64)

  it("appends chain as the last member, over the exact bytes before the hash", () => {
    const hashed = `{"message":"Grüße","chain":{"v":1,"seq":1,"prev":"${zeros}"`
    const hash = Crypto.createHash("sha256").update(hashed, "utf8").digest("hex")
    const first = AuditChain.link(AuditChain.genesis, '{"message":"Grüße"}')
    assert.deepStrictEqual(first, { line: `${hashed},"hash":"${hash}"}}`, head: { seq: 1, hash } })
    const second = AuditChain.link(first.head, '{"a":1}')
    assert.match(second.line, new RegExp(`^{"a":1,"chain":{"v":1,"seq":2,"prev":"${hash}","hash":"[0-9a-f]{64}"}}$`))
  })

  it("writes a seal and a trimming before the hash", () => {
    const seal = AuditChain.seal({ seq: 7, hash: zeros }, { date, every: 1000, keys: [key.signing] })
    const { line } = AuditChain.link({ seq: 7, hash: zeros }, '{"a":1}', { seal })
    assert.deepStrictEqual(JSON.parse(line).chain.seal, seal)
    assert.deepStrictEqual(Object.keys(JSON.parse(line).chain), ["v", "seq", "prev", "seal", "hash"])
    assert.strictEqual(seal.signatures[0]!.key, key.public.id)
    assert.isTrue(
      Crypto.verify(
        null,
        Buffer.from(`registrar-seal:1:7:${zeros}:1000:${date}`),
        key.pem,
        Buffer.from(seal.signatures[0]!.signature, "base64")
      )
    )
    const trimmed = AuditChain.link({ seq: 7, hash: zeros }, '{"a":1}', { trimmed: { before: 5 } })
    assert.match(trimmed.line, /,"trimmed":\{"before":5\},"hash":"[0-9a-f]{64}"\}\}$/)
  })

  it("writes a trimming before its seal, which signs it", () => {
    const head = { seq: 7, hash: zeros }
    const seal = AuditChain.seal(head, { date, every: 1000, keys: [key.signing], trimmed: { before: 5 } })
    const { line } = AuditChain.link(head, '{"a":1}', { seal, trimmed: { before: 5 } })
    assert.deepStrictEqual(Object.keys(JSON.parse(line).chain), ["v", "seq", "prev", "trimmed", "seal", "hash"])
    assert.include(line, `"prev":"${zeros}","trimmed":{"before":5},"seal":{"date":"${date}","every":1000,`)
    assert.isTrue(AuditChain.isSeal(line))
    assert.isTrue(key.public.verify(`registrar-seal:1:7:${zeros}:1000:${date}:5`, seal.signatures[0]!.signature))
  })
})

/** What an application may put into an event in the hope to be taken for the chain. */
const hostileTexts = () => {
  const log = new Log()
  log.add(recordLine(1))
  log.seal(1)
  log.trim(1)
  log.trim(1, 1, [key])
  return [
    ...log.lines,
    ...log.lines.map((line) => line.slice(line.lastIndexOf(',"chain":'))),
    ...log.lines.map((line) => `"}${line.slice(line.lastIndexOf(',"chain":'))}`),
    ',"chain":{"v":1,"seq":',
    ',"chain":{"v":2,',
    `"prev":"${"0".repeat(64)}"`,
    `,"hash":"${"0".repeat(64)}"}}`,
    '"source":"x"}'
  ]
}

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...hostileTexts()))
const details = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "chain", "hash", "prev", "seal")),
  fc.oneof(
    text,
    fc.jsonValue(),
    fc.constantFrom({ v: 2, seq: 1, prev: "0".repeat(64), hash: "0".repeat(64) }, { v: 1, seq: 1 })
  )
)
const plainLine = fc.tuple(text, details, text, text).map(([message, details, type, source]) => {
  const event = { type, details: JSON.parse(JSON.stringify(details)) }
  return AuditRecord.make({ level: "INFO", date, message, event, source }).line
})

describe("whatever is linked", () => {
  it("verifies, and headOf finds its head", () => {
    fc.assert(
      fc.property(fc.array(plainLine, { minLength: 1, maxLength: 8 }), fc.nat(3), (plain, unchained) => {
        const log = new Log()
        for (const line of plain) {
          assert.isUndefined(headOf(line))
          log.add(line)
          assert.deepStrictEqual(headOf(log.lines.at(-1)!), log.head)
          assert.deepStrictEqual(headOf(Buffer.from(log.lines.at(-1)!)), log.head)
          assert.isFalse(AuditChain.isSeal(line))
          assert.isFalse(AuditChain.isSeal(log.lines.at(-1)!))
        }
        const before = plain.slice(0, unchained)
        const report = verify([...before, ...log.lines])
        assert.isUndefined(report.problem?.message)
        assert.strictEqual(report.unchained, before.length)
        assert.deepStrictEqual(report.last, log.head)
      }),
      { numRuns: 300 }
    )
  })

  it("does not verify with any byte changed, and headOf does not take it", () => {
    const change = fc.tuple(
      fc.array(plainLine, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 })
    )
    fc.assert(
      fc.property(change, ([plain, at, mask]) => {
        const log = new Log()
        for (const line of plain) log.add(line)
        const bytes = bytesOf(log.lines)
        const changed = Buffer.from(bytes)
        changed[at % bytes.length]! ^= mask
        const report = verifyBytes(changed, {})
        // The last line feed is no part of a record: without it, the record is still being written.
        if (at % bytes.length === bytes.length - 1) {
          assert.isAbove(report.tornBytes, 0)
          return
        }
        const record = bytes.subarray(0, at % bytes.length).filter((byte) => byte === 10).length + 1
        assert.strictEqual(report.problem?.record, record)
        const line = changed
          .subarray(bytesOf(log.lines.slice(0, record - 1)).length)
          .toString("latin1")
          .split("\n", 1)
        assert.isUndefined(headOf(Buffer.from(line[0]!, "latin1")))
      }),
      { numRuns: 500 }
    )
  })

  it("has its seal, whatever chain the sealing event carries", () => {
    const log = new Log()
    log.add(recordLine(1))
    const [plain, mark] = [recordLine(2), { seal: AuditChain.seal(log.head, { date, every: 5, keys: [key.signing] }) }]
    const own = AuditChain.link({ seq: 7, hash: "a".repeat(64) }, plain, mark).line
    const chain = own.slice(own.lastIndexOf(',"chain":'), -1)
    log.add(plain.replace(',"user":"ada"', `,"user":"ada"${chain}`), mark)
    assert.isTrue(AuditChain.isSeal(log.lines[1]!))
    assert.deepStrictEqual(headOf(log.lines[1]!), log.head)
    assert.deepInclude(verify(log.lines, { keys: [key.public] }), { problem: undefined, sealed: 1, seals: 1 })
  })

  it("seals what it says", () => {
    const log = new Log()
    log.add(recordLine(1))
    log.seal(5)
    log.trim(2)
    assert.deepStrictEqual(log.lines.map(AuditChain.isSeal), [false, true, false])
    const report = verify(log.lines, { keys: [key.public] })
    assert.deepStrictEqual(report, {
      problem: undefined,
      records: 3,
      unchained: 0,
      first: 1,
      last: log.head,
      sealed: 1,
      seals: 1,
      unsealed: 1,
      tornBytes: 0
    })
    assert.isUndefined(verify(log.lines).sealed)
    assert.strictEqual(verify(log.lines).seals, 1)
  })
})

describe("a tampered log of 1000 records", () => {
  const every = 99
  const build = (keys: readonly [Key, ...Array<Key>]) => {
    const log = new Log()
    while (log.head.seq < 1000) {
      if (log.head.seq === 599) log.trim(1, every, keys)
      else if (log.head.seq % 100 === 99) log.seal(every, keys)
      else if (log.head.seq === 554) log.trim(1)
      else log.add(recordLine(log.head.seq + 1))
    }
    return log.lines
  }
  const lines = build([key])
  const buffers = lines.map((line) => Buffer.from(line))
  const outsideSeals = lines.filter(AuditChain.isSeal)
  const keys = [key.public]
  const full = { keys, outsideSeals }
  /** Without the signatures, which take most of the time. */
  const chainOnly = { outsideSeals }
  const nextSeal = (record: number) => Math.ceil(record / 100) * 100

  it("is healthy before", () => {
    assert.deepInclude(verify(lines, full), { problem: undefined, records: 1000, sealed: 999, seals: 10, unsealed: 0 })
    assert.lengthOf(outsideSeals, 10)
  })

  // The record before is given as well, so that each change is seen in its place, at the price of two records.
  const inPlace = (index: number, changed: ReadonlyArray<Uint8Array>) => {
    const verifier = AuditChain.verifier({ keys })
    if (index > 0) verifier.line(buffers[index - 1]!)
    let problem: AuditChain.Problem | undefined
    for (const bytes of changed) problem = verifier.line(bytes)
    for (let next = index + 1; problem === undefined && next < lines.length; next++)
      problem = verifier.line(buffers[next]!)
    return problem === undefined ? undefined : problem.record + Math.max(0, index - 1)
  }

  it("shows each single byte that was flipped", { timeout: 60_000 }, () => {
    const missed: Array<string> = []
    let mask = 1
    for (const [index, bytes] of buffers.entries()) {
      for (let at = 0; at < bytes.length; at++) {
        mask = (mask % 255) + 1
        bytes[at]! ^= mask
        const record =
          bytes[at] === 10 ? inPlace(index, [bytes.subarray(0, at), bytes.subarray(at + 1)]) : inPlace(index, [bytes])
        bytes[at]! ^= mask
        if (record !== index + 1) missed.push(`record ${index + 1} byte ${at} mask ${mask}: ${record}`)
      }
    }
    assert.deepStrictEqual(missed, [])
  })

  it("shows each other value of each byte, in a record of each kind", { timeout: 60_000 }, () => {
    const missed: Array<string> = []
    for (const index of [0, 1, 99, 554, 599]) {
      const bytes = buffers[index]!
      for (let at = 0; at < bytes.length; at++) {
        const original = bytes[at]!
        for (let value = 0; value < 256; value++) {
          if (value === original) continue
          bytes[at] = value
          const record = inPlace(index, value === 10 ? [bytes.subarray(0, at), bytes.subarray(at + 1)] : [bytes])
          if (record !== index + 1) missed.push(`record ${index + 1} byte ${at} value ${value}: ${record}`)
        }
        bytes[at] = original
      }
    }
    assert.deepStrictEqual(missed, [])
  })

  it("shows bytes that were flipped, line feeds among them, when it is read as a whole", () => {
    const bytes = bytesOf(lines)
    const feeds: Array<number> = []
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) feeds.push(at)
    const others = Array.from({ length: 150 }, (_, n) => Math.floor((n * bytes.length) / 150))
    const places = [...feeds.filter((_, index) => index % 7 === 0 || index === 999), ...others]
    const missed = places.filter((at) => {
      bytes[at]! ^= 1
      const { problem } = verifyBytes(bytes, full)
      bytes[at]! ^= 1
      return problem?.record !== feeds.filter((feed) => feed < at).length + 1
    })
    assert.deepStrictEqual(missed, [])
  })

  const found = (
    record: number,
    reason: AuditChain.Reason,
    changed: ReadonlyArray<string>,
    options: AuditChain.Options = full
  ) => assert.deepStrictEqual(failed(verify(changed, options)), [reason, record])

  /** The same from 30 records before on, and for some as a whole: the time goes into what is long before. */
  const foundNear = (
    record: number,
    reason: AuditChain.Reason,
    changed: ReadonlyArray<string>,
    options: AuditChain.Options = chainOnly
  ) => {
    const skipped = Math.max(0, record - 30)
    assert.deepStrictEqual(failed(verify(changed.slice(skipped), options)), [reason, record - skipped])
    if (record % 50 === 0) found(record, reason, changed, options)
  }

  it("shows each record that was deleted", () => {
    for (let index = 0; index < 1000; index++) {
      foundNear(index + 1, index === 999 ? "Cut" : "Missing", lines.toSpliced(index, 1))
    }
  })

  it("shows each record that was doubled", () => {
    for (let index = 0; index < 1000; index++) {
      foundNear(index + 2, "Doubled", lines.toSpliced(index, 0, lines[index]!))
    }
  })

  it("shows each record that was swapped with the next, or came again later", () => {
    for (let index = 0; index < 999; index++) {
      const swapped = lines.with(index, lines[index + 1]!).with(index + 1, lines[index]!)
      foundNear(index + 1, index === 0 ? "OutOfOrder" : "Missing", swapped)
    }
    found(602, "OutOfOrder", lines.toSpliced(601, 0, lines[300]!))
  })

  it("shows each place where it was cut off", { timeout: 60_000 }, () => {
    for (let whole = 0; whole < 1000; whole++) {
      const skipped = whole % 50 === 0 ? 0 : Math.max(0, whole - 30)
      const verifier = AuditChain.verifier(chainOnly)
      for (let index = skipped; index < whole; index++) verifier.line(buffers[index]!)
      for (let tornBytes = 0; tornBytes <= buffers[whole]!.length; tornBytes++) {
        const { problem, tornBytes: torn } = verifier.end({ tornBytes })
        if (problem?.reason !== "Cut" || problem.record !== whole - skipped + 1 || torn !== tornBytes) {
          assert.fail(`cut after ${whole} records and ${tornBytes} bytes: ${problem?.message}`)
        }
      }
    }
    const bytes = bytesOf(lines)
    for (let at = 0; at < bytes.length; at += 9973) {
      const before = bytes.subarray(0, at)
      const record = before.filter((byte) => byte === 10).length + 1
      assert.deepStrictEqual(failed(verifyBytes(before, full)), ["Cut", record])
    }
  })

  it("shows the segment that was dropped", () => {
    found(1, "Missing", lines.slice(333))
    found(334, "Missing", lines.toSpliced(333, 333))
    found(667, "Cut", lines.slice(0, 666))
    found(1, "Cut", [])
    // Without a key and without anything outside, all but the last is noticed.
    found(1, "Missing", lines.slice(333), {})
    found(334, "Missing", lines.toSpliced(333, 333), {})
  })

  it("shows each record that was changed and all after it linked anew, at the next seal", () => {
    for (let index = 0; index < 999; index++) {
      // A seal signs what is before it, and is signed by the next.
      const record = nextSeal(index + (index % 100 === 99 ? 2 : 1))
      const changed = relink(lines.slice(0, record), index, (line, mark, at) =>
        keep(at === index ? line.replace('"user":"ada"', '"user":"eve"') : line, mark)
      )
      foundNear(record, "WrongSignature", changed, { keys })
    }
    found(1000, "SealMismatch", [...lines.slice(0, 999), rehash(lines[999]!.replace("ada", "eve"))])
  })

  it("shows each record that was exchanged for one with a hash that fits", () => {
    for (let index = 0; index < 999; index++) {
      const changed = lines.with(index, rehash(lines[index]!.replace('"user":"ada"', '"user":"eve"')))
      foundNear(index + 2, "NotLinked", changed, {})
      if (index % 100 === 99) found(index + 1, "SealMismatch", changed)
    }
  })

  it("shows that the seals were stripped", () => {
    const stripped = relink(lines, 0, (line) => [line])
    found(1, "NotSealed", stripped, { keys })
    found(100, "SealMismatch", stripped)
    const removed = relink(lines, 0, (line, mark) => (mark === undefined ? [line] : undefined))
    found(1, "NotSealed", removed, { keys })
    found(100, "SealMismatch", removed)

    for (let seals = 1; seals < 9; seals++) {
      const later = relink(lines, seals * 100, (line, mark) => (mark?.seal === undefined ? keep(line, mark) : [line]))
      found(seals * 100 + 100, "SealsMissing", later, { keys })
      found(seals * 100 + 100, "SealMismatch", later)
      found(seals * 100 + 100, "SealsMissing", later, {})
    }
  })

  it("shows seals by another key", () => {
    const forged = build([otherKey])
    found(100, "UnknownKey", forged, { keys })
    assert.include(verify(forged, { keys }).problem?.message, otherKey.public.id)
    const renamed = relink(lines, 0, (line, mark) =>
      mark?.seal === undefined
        ? keep(line, mark)
        : keep(line, { seal: { ...mark.seal, signatures: [{ ...mark.seal.signatures[0]!, key: otherKey.public.id }] } })
    )
    found(100, "WrongSignature", renamed, { keys: [key.public, otherKey.public] })
  })

  it("shows seals that were moved, from another log and within this one", () => {
    const other = relink(lines, 0, (line) => [line.replace("ada", "bob")])
    const moved = new Log()
    for (const line of other) {
      if (moved.head.seq % 100 === 99) moved.seal(every)
      else moved.add(unlink(line)[0])
    }
    assert.isUndefined(verify(moved.lines, { keys }).problem)
    for (let record = 100; record <= 1000; record += 100) {
      found(record, "NotLinked", lines.with(record - 1, moved.lines[record - 1]!), { keys })
      const [, mark] = unlink(moved.lines[record - 1]!)
      const relinked = relink(lines, record - 1, (line, own, at) => keep(line, at === record - 1 ? mark : own))
      found(record, "WrongSignature", relinked, { keys })
    }
    const [, second] = unlink(lines[199]!)
    found(
      300,
      "WrongSignature",
      relink(lines, 299, (line, own, at) => keep(line, at === 299 ? second : own)),
      { keys }
    )
    found(100, "SealMismatch", moved.lines)
  })

  it("shows that one of two signatures is wrong, to those who have both keys", () => {
    const log = new Log()
    log.add(recordLine(1))
    log.seal(every, [key, otherKey])
    const forged = relink(log.lines, 1, (line, mark) => {
      if (mark?.seal === undefined) return [line]
      const [good, other] = mark.seal.signatures
      const signatures = [good!, { ...other!, signature: good!.signature }]
      return [line, { seal: { ...mark.seal, signatures } }]
    })
    found(2, "WrongSignature", forged, { keys: [key.public, otherKey.public] })
    found(2, "WrongSignature", forged, { keys: [otherKey.public] })
    assert.isUndefined(verify(forged, { keys }).problem)
  })

  it("shows a mismatch in whatever order the outside seals come", () => {
    const forged = relink(lines, 250, (line, mark) => keep(line.replace("ada", "eve"), mark))
    found(300, "SealMismatch", forged, { outsideSeals: outsideSeals.toReversed() })
    found(1000, "Cut", lines.slice(0, 999), { outsideSeals: outsideSeals.toReversed() })
  })

  it("shows what a seal says, changed", () => {
    const changes: ReadonlyArray<(seal: AuditChain.Seal) => AuditChain.Seal> = [
      (seal) => ({ ...seal, every: 100_000 }),
      (seal) => ({ ...seal, date: "2023-01-31T12:00:00.007Z" }),
      (seal) => ({ ...seal, signatures: [{ key: key.public.id, signature: `${"A".repeat(86)}==` }] })
    ]
    for (const change of changes) {
      const changed = relink(lines, 99, (line, mark) =>
        keep(line, mark?.seal === undefined ? mark : { ...mark, seal: change(mark.seal) })
      )
      found(100, "WrongSignature", changed, { keys })
    }
  })

  it("shows a tail that was cut and linked anew without the key", () => {
    for (const from of [500, 950, 998]) {
      const forged = relink(lines, from, (line) => [line.replace("ada", "eve")])
      found(nextSeal(from + 1), "SealMismatch", forged)
      found(from + 1, "Cut", lines.slice(0, from))
    }
  })

  it("shows a beginning that was removed behind a forged trimming, although the application seals that", () => {
    const log = new Log(Option.getOrThrow(AuditChain.headOf(lines[999]!)))
    log.trim(334)
    log.add(recordLine(1002, "stopped"))
    const forged = [...lines.slice(333), ...log.lines]
    // Nobody can tell without a key.
    assert.isUndefined(verify(forged).problem)

    const restarted = new Log(Option.getOrThrow(AuditChain.headOf(forged.at(-1)!)))
    restarted.seal(every)
    for (let n = 0; n < every; n++) restarted.add(recordLine(n))
    restarted.seal(every)
    for (const log of [forged, [...forged, ...restarted.lines]]) {
      found(1, "Missing", log)
      found(1, "Missing", log, { keys })
    }
    // Where nothing was removed, such a trimming is no problem.
    assert.isUndefined(verify([...lines.slice(0, 333), ...forged, ...restarted.lines], full).problem)
  })

  it("shows a trimming that the seal of its record does not sign", () => {
    const head = Option.getOrThrow(AuditChain.headOf(lines[999]!))
    const end = (mark: AuditChain.Mark) => AuditChain.link(head, recordLine(1001), mark).line
    const trimmed = { before: 401 }
    const sealed = (options: Partial<Parameters<typeof AuditChain.seal>[1]>) =>
      AuditChain.seal(head, { date, every, keys: [key.signing], ...options })
    const left = lines.slice(400)
    assert.isUndefined(verify([...left, end({ trimmed, seal: sealed({ trimmed }) })], full).problem)
    found(1, "Missing", [...lines.slice(401), end({ trimmed, seal: sealed({ trimmed }) })])
    found(601, "WrongSignature", [...left, end({ trimmed, seal: sealed({}) })])
    found(601, "WrongSignature", [...left, end({ trimmed, seal: sealed({ trimmed: { before: 400 } }) })])
    found(601, "WrongSignature", [...left, end({ seal: sealed({ trimmed }) })])
    found(601, "UnknownKey", [...left, end({ trimmed, seal: sealed({ trimmed, keys: [otherKey.signing] }) })])
  })

  it("shows an outside seal that was damaged", () => {
    const damaged = outsideSeals.with(3, outsideSeals[3]!.replace("ada", "eve"))
    const verifier = AuditChain.verifier({ keys, outsideSeals: damaged })
    const problem = verifier.line(buffers[0]!)
    assert.deepInclude(problem, { reason: "DamagedSeal", record: 0, seq: undefined })
    assert.strictEqual(verifier.end().problem, problem)
    assert.include(problem?.message, "Line 4 of the outside seals")
    found(0, "DamagedSeal", [], { outsideSeals: damaged })
    found(0, "DamagedSeal", lines, { outsideSeals: [outsideSeals[5]!.replace('"every":99', '"every":x')] })
  })

  describe("cannot show, as the guide says,", () => {
    it("that it was cut off after the last outside seal", () => {
      const early = { keys, outsideSeals: outsideSeals.slice(0, 5) }
      for (let length = 500; length < 1000; length += 9) {
        const report = verify(lines.slice(0, length), early)
        assert.isUndefined(report.problem)
        assert.strictEqual(report.last?.seq, length)
      }
      found(500, "Cut", lines.slice(0, 499), early)
    })

    it("that records after the last seal were exchanged, as long as the promise holds", () => {
      const log = new Log(Option.getOrThrow(AuditChain.headOf(lines[999]!)))
      for (let n = 0; n < every; n++) log.add(recordLine(n, "forged"))
      const report = verify([...lines, ...log.lines], full)
      assert.deepInclude(report, { problem: undefined, sealed: 999, unsealed: every })
      log.add(recordLine(0, "forged"))
      found(1000 + every + 1, "SealsMissing", [...lines, ...log.lines])
    })
  })
})

describe("any bytes", () => {
  const verifiers = () => {
    const log = new Log()
    log.seal(9)
    const inside = AuditChain.verifier({ keys: [key.public], outsideSeals: log.lines })
    inside.line(Buffer.from(log.lines[0]!))
    return [AuditChain.verifier({ keys: [key.public] }), inside, AuditChain.verifier({ outsideSeals: log.lines })]
  }

  it("are read without an exception", () => {
    const pieces = fc.array(fc.oneof(fc.constantFrom(...hostileTexts()), fc.string(), fc.integer().map(String)))
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      pieces.map((pieces) => Buffer.from(pieces.join(""))),
      pieces.map((pieces) => Buffer.from(rehash(`{"a":1${pieces.join("")},"hash":"`)))
    )
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 4 }), (lines) => {
        for (const verifier of verifiers()) {
          for (const line of lines) verifier.line(line)
          assert.isDefined(verifier.end())
        }
        for (const line of lines) AuditChain.headOf(line)
        const texts = lines.map((line) => Buffer.from(line).toString())
        for (const line of texts) AuditChain.isSeal(line)
        assert.isDefined(AuditChain.verifier({ outsideSeals: texts }).end())
      }),
      { numRuns: 1000 }
    )
  })

  const zeros = "0".repeat(64)
  const log = new Log()
  log.add(recordLine(1))
  log.seal(9)
  log.trim(2)
  const [ordinary, seal, trimmed] = log.lines as [string, string, string]
  const signature = JSON.parse(seal).chain.seal.signatures[0].signature as string
  const long = recordLine(1, "x".repeat(20_000_000))

  // Each with the hash that fits, unless it is the hash that is wrong.
  const first: ReadonlyArray<readonly [name: string, line: string, reason: AuditChain.Reason]> = [
    ["a number that is too long", rehash(ordinary.replace('"seq":1,', '"seq":99999999999999999999,')), "Malformed"],
    ["a number with 16 digits", rehash(ordinary.replace('"seq":1,', '"seq":1000000000000000,')), "Malformed"],
    ["a number with a leading zero", rehash(ordinary.replace('"seq":1,', '"seq":01,')), "Malformed"],
    ["the number zero", rehash(ordinary.replace('"seq":1,', '"seq":0,')), "Malformed"],
    ["a negative number", rehash(ordinary.replace('"seq":1,', '"seq":-1,')), "Malformed"],
    ["no number", rehash(ordinary.replace('"seq":1,', '"seq":,')), "Malformed"],
    ["a fraction", rehash(ordinary.replace('"seq":1,', '"seq":1.0,')), "Malformed"],
    ["a space", rehash(ordinary.replace('"seq":1,', '"seq": 1,')), "Malformed"],
    ["another order", rehash(ordinary.replace('"v":1,"seq":1,', '"seq":1,"v":1,')), "Malformed"],
    ["an unknown member", rehash(ordinary.replace(/,"hash":.*/, ',"x":1,"hash":"')), "Malformed"],
    ["an object as unknown member", rehash(ordinary.replace(/,"hash":.*/, ',"x":{},"hash":"')), "Malformed"],
    ["no hash before in it", rehash(ordinary.replace(zeros, "")), "Malformed"],
    ["upper-case digits in the hash before", rehash(ordinary.replace(zeros, "A".repeat(64))), "Malformed"],
    ["another hash before in the first", rehash(ordinary.replace(zeros, "a".repeat(64))), "NotLinked"],
    ["an upper-case hash", ordinary.replace(/[0-9a-f]{64}(?="}}$)/, (hash) => hash.toUpperCase()), "Modified"],
    ["a hash of zeros", ordinary.replace(/[0-9a-f]{64}(?="}}$)/, zeros), "Modified"],
    ["a brace too few", ordinary.slice(0, -1), "Malformed"],
    ["a brace too many", `${ordinary}}`, "Malformed"],
    ["a carriage return", `${ordinary}\r`, "Malformed"],
    ["version 2", rehash(ordinary.replace('"v":1', '"v":2')), "UnknownVersion"],
    ["version 2 of another form", ordinary.replace(/"v":1.*/, '"v":2}}'), "UnknownVersion"],
    ["version 01", rehash(ordinary.replace('"v":1', '"v":01')), "UnknownVersion"],
    ["a version that is text", rehash(ordinary.replace('"v":1', '"v":"1"')), "Malformed"],
    ["a trimming of what comes after", rehash(trimmed.replace('"before":2', '"before":4')), "Malformed"],
    [
      "a trimming behind its seal",
      rehash(seal.replace(/,"hash":"(?=[^"]*"\}\}$)/, ',"trimmed":{"before":2}$&')),
      "Malformed"
    ],
    ["two trimmings", rehash(trimmed.replace('"trimmed":{', '"trimmed":{"before":2},"trimmed":{')), "Malformed"],
    ["a trimming of nothing", rehash(trimmed.replace('{"before":2}', "{}")), "Malformed"],
    ["a seal of no date", rehash(seal.replace(`{"date":"${date}"`, '{"date":"NaN"')), "Malformed"],
    ["a seal of a huge promise", rehash(seal.replace('"every":9', '"every":1e99')), "Malformed"],
    ["a seal of no promise", rehash(seal.replace('"every":9', '"every":0')), "Malformed"],
    ["a seal without signatures", rehash(seal.replace(/"signatures":\[.*?\]/, '"signatures":[]')), "Malformed"],
    ["a seal with half a signature", rehash(seal.replace(signature, signature.slice(0, 40))), "Malformed"],
    ["a seal with a key named __proto__", rehash(seal.replace(key.public.id, "__proto__")), "Malformed"],
    ["a seal within a seal", rehash(seal.replace('"seal":{', '"seal":{"seal":{')), "Malformed"],
    ["a seal that is deep", rehash(seal.replace(/"seal":\{.*\}/, `"seal":${"[".repeat(9999)}`)), "Malformed"],
    [
      "a seal with more signatures than it can have",
      rehash(
        seal.replace(/"signatures":\[(.*?)\]/, (_, one: string) => `"signatures":[${`${one},`.repeat(200)}${one}]`)
      ),
      "Malformed"
    ],
    ["nothing that is chained", "", "NotChained"],
    ["an event that carries a chain", recordLine(1, ordinary), "NotChained"],
    ["twenty megabytes, unchained", long, "NotChained"]
  ]
  for (const [name, line, reason] of first) {
    it(`are ${reason}: ${name}`, () => {
      const report = verify([line])
      assert.deepStrictEqual(failed(report), [reason, 1])
      assert.match(report.problem!.message, /^Record 1 .*[^.]$/)
      if (reason !== "NotLinked") assert.isUndefined(headOf(line))
    })
  }

  it("may be twenty megabytes in a record", () => {
    const log = new Log()
    log.add(long)
    assert.isUndefined(verify(log.lines).problem)
    assert.deepStrictEqual(headOf(log.lines[0]!), log.head)
  })

  it("may not be UTF-8", () => {
    const bytes = Buffer.from(ordinary)
    bytes[20] = 0xff
    const end = bytes.length - 67
    bytes.write(
      Crypto.createHash("sha256")
        .update(bytes.subarray(0, end - 9))
        .digest("hex"),
      end,
      "latin1"
    )
    assert.isUndefined(verify([bytes]).problem)
  })

  it("are a problem among chained records, when they are not chained", () => {
    for (const line of ["", "{}", recordLine(2), "\0", recordLine(2, ordinary)]) {
      assert.deepStrictEqual(failed(verify([ordinary, line, seal])), ["NotChained", 2])
    }
    assert.deepStrictEqual(failed(verify([recordLine(0), "junk", seal, trimmed])), ["Missing", 3])
  })

  it("after the first problem change nothing", () => {
    const verifier = AuditChain.verifier()
    const problem = verifier.line(Buffer.from(ordinary.replace("ada", "eve")))
    assert.strictEqual(problem?.reason, "Modified")
    assert.strictEqual(verifier.line(Buffer.from(ordinary)), problem)
    assert.deepInclude(verifier.end(), { problem, records: 1 })
  })
})

describe("problems read as sentences", () => {
  const log = new Log()
  log.add(recordLine(1))
  log.add(recordLine(2))
  log.seal(1)
  log.add(recordLine(4))
  log.add(recordLine(5))
  log.seal(1)
  const keys = [key.public]
  const [a, b, c, d, e, f] = log.lines as [string, string, string, string, string, string]
  const sentences: ReadonlyArray<readonly [AuditChain.Report, string]> = [
    [verify([a, c]), "Record 2 (seq 2) is missing: the one in its place has the seq 3"],
    [verify([a, d]), "Record 2 (seq 2) and those up to seq 3 are missing: the one in its place has the seq 4"],
    [verify([a, a]), "Record 2 (seq 2) is the one before it, seq 1, again"],
    [verify([a, b, a]), "Record 3 (seq 3) is out of order: it has the seq 1"],
    [verify([b, a]), "Record 1 (seq 1) is out of order: the one before it comes later"],
    [verify([a, "{}"]), "Record 2 (seq 2) is not chained, unlike those before it"],
    [verify(["{}"]), "Record 1 is not chained, and no other is"],
    [
      verify([a, rehash(b.replace("ada", "eve")), c]),
      "Record 3 (seq 3) was linked to another record than the one before it: one of the two was exchanged"
    ],
    [verify([b]), "Record 1 (seq 2) is the first, and seq 1 is missing: no record says that retention removed so many"],
    [
      verify([d], { keys }),
      "Record 1 (seq 4) is the first, and seq 1 to 3 are missing: no seal says that retention removed so many"
    ],
    [verify([a], { keys }), "Record 1 (seq 1) is not sealed, and no other is"],
    [verify([], { keys }), "Record 1 is missing, and with it any seal: the log has no record"],
    [
      verify([a], { outsideSeals: ["", f.replace("ada", "eve")] }),
      "Line 2 of the outside seals is damaged: it looks like a seal, but its bytes do not have its hash"
    ],
    [
      verify([a, b, c, d, e], { keys }),
      "Record 5 (seq 5) should be a seal: at most 1 records lie between two of them; nothing after seq 2 is proven"
    ],
    [
      verify([a, b, c, d], { outsideSeals: [f] }),
      "Record 5 (seq 5) is missing: the log ends before it, but a seal with the seq 6 was kept outside"
    ],
    [
      verify([a, b, c], { keys: [otherKey.public] }),
      `Record 3 (seq 3) is sealed, but not with a key given here: ${key.public.id}`
    ]
  ]
  for (const [{ problem }, sentence] of sentences) it(sentence, () => assert.strictEqual(problem?.message, sentence))
})

describe("a healthy log", () => {
  interface Step {
    readonly do: "add" | "seal" | "trim" | "restart"
    readonly text: string
    readonly count: number
  }
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom("add", "add", "add", "seal", "trim", "restart"),
    text: fc.oneof({ weight: 19, arbitrary: text }, { weight: 1, arbitrary: fc.nat(40_000).map((n) => "x".repeat(n)) }),
    count: fc.nat(6)
  })

  it("is never taken for a bad one", { timeout: 60_000 }, () => {
    const outsides: Array<number> = []
    const log = fc.record({
      steps: fc.array(step, { maxLength: 25 }),
      unchained: fc.array(plainLine, { maxLength: 2 }),
      every: fc.integer({ min: 1, max: 8 }),
      outside: fc.nat(3),
      torn: fc.nat(1000),
      drop: fc.nat(1000)
    })
    fc.assert(
      fc.property(log, ({ steps, unchained, every, outside, torn, drop }) => {
        const keysByStage = [[key], [key, otherKey], [otherKey]] as const
        let stage = 0
        let log = new Log()
        const stored: Array<string> = []
        let since = 0
        let left = 1
        const write = (f: () => void) => {
          f()
          stored.push(...log.lines.splice(0))
        }
        const seal = () => {
          write(() => log.seal(every, keysByStage[stage % 3]!))
          since = 0
        }
        const add = (f: () => void) => {
          if (since === every) seal()
          write(f)
          since++
        }
        // The first record of each start is a seal.
        seal()
        for (const step of steps) {
          if (step.do === "add") for (let n = 0; n < step.count; n++) add(() => log.add(recordLine(n, step.text)))
          else if (step.do === "seal") seal()
          else if (step.do === "trim") {
            const before = Math.max(left, log.head.seq - step.count)
            write(() => log.trim(before, every, keysByStage[stage % 3]!))
            since = 0
            left = before
          } else {
            if (stage < 2) stage++
            log = new Log(Option.getOrThrow(AuditChain.headOf(stored.at(-1)!)))
            seal()
          }
        }
        const seals = stored.filter(AuditChain.isSeal)
        const removed = drop % left
        const kept = stored.slice(removed)
        const before = removed === 0 ? unchained : []
        const tail = recordLine(1).slice(0, torn)
        const options = {
          keys: [key.public, otherKey.public],
          outsideSeals: seals.filter((_, index) => outside === 0 || index % outside === 0)
        }
        const bytes = Buffer.concat([bytesOf([...before, ...kept]), Buffer.from(tail)])
        for (const given of [options, { keys: options.keys }, {}]) {
          const report = verifyBytes(bytes, given)
          assert.isUndefined(report.problem?.message)
          assert.strictEqual(report.records, before.length + kept.length)
          assert.strictEqual(report.unchained, before.length)
          assert.strictEqual(report.first, removed + 1)
          assert.deepStrictEqual(report.last, log.head)
          assert.strictEqual(report.tornBytes, Buffer.byteLength(tail))
          assert.strictEqual(report.unsealed, since)
        }
        outsides.push(options.outsideSeals.length)
      }),
      { numRuns: 2000 }
    )
    assert.isAbove(outsides.filter((n) => n > 2).length, 500)
  })

  it("may be empty, or nothing but a torn line, where no key asks for a seal", () => {
    assert.isUndefined(verify([]).problem)
    assert.deepInclude(verifyBytes(Buffer.from('{"level"')), { problem: undefined, tornBytes: 8 })
    for (const text of ["", '{"level"']) {
      assert.deepStrictEqual(failed(verifyBytes(Buffer.from(text), { keys: [key.public] })), ["NotSealed", 1])
    }
  })

  it("keeps the promise between two seals to the record", () => {
    const log = new Log()
    log.seal(3)
    for (let n = 0; n < 3; n++) log.add(recordLine(n))
    log.seal(1)
    log.add(recordLine(0))
    assert.isUndefined(verify(log.lines, { keys: [key.public] }).problem)
    log.add(recordLine(0))
    assert.deepStrictEqual(failed(verify(log.lines, { keys: [key.public] })), ["SealsMissing", 7])
  })

  it("has keys that overlap, of which one that is given is enough", () => {
    const log = new Log()
    log.seal(5, [key, otherKey])
    for (const given of [[key.public], [otherKey.public], [key.public, otherKey.public]]) {
      assert.isUndefined(verify(log.lines, { keys: given }).problem)
    }
    log.seal(5, [otherKey])
    assert.deepStrictEqual(failed(verify(log.lines, { keys: [key.public] })), ["UnknownKey", 2])
  })

  it("ignores what is no seal in the second place, and seals of records that retention removed", () => {
    const log = new Log()
    for (let n = 0; n < 3; n++) log.add(recordLine(n))
    log.seal(9)
    log.add(recordLine(4))
    log.trim(5, 9, [key])
    log.seal(9)
    const other = new Log()
    for (let n = 0; n < 7; n++) other.add(recordLine(n, "of another log"))
    const outsideSeals = ["", "{}", ...other.lines, log.lines[3]!.slice(0, 90), ...log.lines.filter(AuditChain.isSeal)]
    assert.isUndefined(verify(log.lines.slice(4), { keys: [key.public], outsideSeals }).problem)
    assert.isUndefined(
      verify(log.lines, { keys: [key.public], outsideSeals: [...outsideSeals, ...outsideSeals.toReversed()] }).problem
    )
  })
})

describe("keys", () => {
  const pair = Effect.runSync(AuditChain.generateKeys)
  const privatePem = Redacted.value(pair.privateKey)
  const pemOf = (key: Crypto.KeyObject, type: "pkcs8" | "spki") => key.export({ type, format: "pem" }).toString()
  const rsa = Crypto.generateKeyPairSync("rsa", { modulusLength: 1024 })
  const x25519 = Crypto.generateKeyPairSync("x25519")
  const encrypted = Crypto.createPrivateKey(privatePem)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" })
    .toString()
  const damaged = (pem: string) => pem.replace(/\n.{9}/, "\n")

  it("have the same id, private and public, as openssl would compute it", () => {
    const der = Crypto.createPublicKey(pair.publicKey).export({ type: "spki", format: "der" })
    const id = Crypto.createHash("sha256").update(der).digest("hex").slice(0, 16)
    assert.strictEqual(pair.id, id)
    assert.strictEqual(Either.getOrThrow(AuditChain.signingKey(privatePem)).id, id)
    assert.strictEqual(Either.getOrThrow(AuditChain.signingKey(pair.privateKey)).id, id)
    assert.strictEqual(Either.getOrThrow(AuditChain.publicKey(pair.publicKey)).id, id)
    assert.notStrictEqual(Effect.runSync(AuditChain.generateKeys).id, id)
  })

  it("sign what they verify, and nothing else", () => {
    const signing = Either.getOrThrow(AuditChain.signingKey(pair.privateKey))
    const verifying = Either.getOrThrow(AuditChain.publicKey(pair.publicKey))
    assert.isTrue(verifying.verify("text", signing.sign("text")))
    assert.isFalse(verifying.verify("texts", signing.sign("text")))
    assert.isFalse(verifying.verify("text", ""))
    assert.isFalse(verifying.verify("text", key.signing.sign("text")))
  })

  it("never show the private part", () => {
    const signing = Either.getOrThrow(AuditChain.signingKey(pair.privateKey))
    const secret = privatePem.split("\n")[1]!
    const raw = Crypto.createPrivateKey(privatePem).export({ format: "jwk" }).d!
    for (const shown of [
      inspect(signing, { depth: 9, showHidden: true }),
      JSON.stringify(signing),
      String(signing),
      inspect(pair, { depth: 9 }),
      JSON.stringify(pair)
    ]) {
      assert.notInclude(shown, secret)
      assert.notInclude(shown, raw)
    }
  })

  const wrong: ReadonlyArray<readonly [name: string, Either.Either<unknown, AuditChain.KeyError>, message: RegExp]> = [
    [
      "nothing",
      AuditChain.signingKey(""),
      /^The private key is not PEM: it has no line '-----BEGIN PRIVATE KEY-----'$/
    ],
    [
      "a path",
      AuditChain.publicKey("seal.pem"),
      /^The public key is not PEM: it has no line '-----BEGIN PUBLIC KEY-----'$/
    ],
    [
      "another algorithm",
      AuditChain.signingKey(pemOf(rsa.privateKey, "pkcs8")),
      /^The private key is not Ed25519 but rsa$/
    ],
    [
      "another curve",
      AuditChain.signingKey(pemOf(x25519.privateKey, "pkcs8")),
      /^The private key is not Ed25519 but x25519$/
    ],
    [
      "another algorithm",
      AuditChain.publicKey(pemOf(rsa.publicKey, "spki")),
      /^The public key is not Ed25519 but rsa$/
    ],
    [
      "a public key",
      AuditChain.signingKey(pair.publicKey),
      /^The private key is a public key: sealing needs the private one$/
    ],
    [
      "a private key",
      AuditChain.publicKey(privatePem),
      /^The public key is a private key: keep that secret and give the public one/
    ],
    ["an encrypted key", AuditChain.signingKey(encrypted), /^The private key is encrypted: give it decrypted/],
    ["an encrypted private key", AuditChain.publicKey(encrypted), /^The public key is a private key/],
    ["a damaged key", AuditChain.signingKey(damaged(privatePem)), /^The private key cannot be read: .*'PRIVATE KEY'/],
    ["a damaged key", AuditChain.publicKey(damaged(pair.publicKey)), /^The public key cannot be read: .*'PUBLIC KEY'/],
    [
      "OpenSSH's format",
      AuditChain.signingKey(privatePem.replaceAll("PRIVATE", "OPENSSH PRIVATE")),
      /^The private key cannot be read: .*'OPENSSH PRIVATE KEY'/
    ],
    [
      "a certificate",
      AuditChain.publicKey(pair.publicKey.replaceAll("PUBLIC KEY", "CERTIFICATE")),
      /^The public key cannot be read: .*'CERTIFICATE'/
    ]
  ]
  for (const [name, read, message] of wrong) {
    it(`are refused with a sentence: ${message.source.slice(1, 40)}, given ${name}`, () => {
      const error = Either.getOrThrow(Either.flip(read))
      assert.instanceOf(error, AuditChain.KeyError)
      assert.match(error.message, message)
      assert.notInclude(inspect(error, { depth: 9 }), privatePem.split("\n")[1]!)
    })
  }
})

describe("the program of the guide", () => {
  const root = join(import.meta.dirname, "..")
  const support = join(import.meta.dirname, "support")
  const guide = readFileSync(join(root, "docs/guides/verify-by-hand.md"), "utf8")
  const program = readFileSync(join(support, "verify.py"), "utf8")
  const blocks = (language: string) =>
    Array.from(guide.matchAll(/^```(\S*)\n([^]*?)^```$/gm)).flatMap(([, is, code]) => (is === language ? [code!] : []))

  it("is the one that is tested, in 50 lines", () => {
    assert.deepStrictEqual(blocks("python"), [program])
    assert.isAtMost(program.trimEnd().split("\n").length, 50)
  })

  it("is shown with a log that is valid", () => {
    const [log] = blocks("jsonl")
    const [pem] = blocks("text").filter((text) => text.startsWith("-----BEGIN"))
    const report = verifyBytes(Buffer.from(log!), { keys: [Either.getOrThrow(AuditChain.publicKey(pem!))] })
    assert.deepInclude(report, { problem: undefined, records: 3, sealed: 1, seals: 1, tornBytes: 0 })
  })

  /** Runs Python once. What it prints, by lines. */
  const python = (args: ReadonlyArray<string>, { input = "", status = 0 } = {}) => {
    const run = spawnSync("python3", ["-B", ...args], { input, encoding: "utf8", cwd: support, maxBuffer: 1e8 })
    if (run.error !== undefined)
      assert.fail(`The tests of the chain need python3, which cannot be run: ${run.error.message}`)
    assert.strictEqual(run.status, status, run.stderr)
    return (run.stdout + run.stderr).trimEnd().split("\n")
  }

  const checksSignatures = () => {
    const look = "import importlib.util; print(importlib.util.find_spec('cryptography') is not None)"
    return python(["-c", look])[0] === "True"
  }

  it("comes to the same verdicts", { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "audit-chain-"))
    try {
      const isAble = checksSignatures()
      const cases = verdictCases().map((each) => (isAble ? each : { ...each, keys: [] }))
      const file = (name: string, content: string | Uint8Array) => {
        writeFileSync(join(folder, name), content)
        return join(folder, name)
      }
      const calls = cases.map(({ segments, keys, outside }, index) => [
        file(`${index}.pem`, keys.map(({ pem }) => pem).join("")),
        file(`${index}.seals`, outside.map((line) => `${line}\n`).join("")),
        ...segments.map((bytes, segment) =>
          segment === 0
            ? file(`${index}.${segment}.jsonl.gz`, gzipSync(bytes))
            : file(`${index}.${segment}.jsonl`, bytes)
        )
      ])
      const driver = "import json, sys, verify\nfor call in json.load(sys.stdin): print(verify.verify(*call))"
      const verdicts = python(["-c", driver], { input: JSON.stringify(calls) })
      assert.lengthOf(verdicts, cases.length)
      for (const [index, { name, segments, keys, outside }] of cases.entries()) {
        const { problem, records } = verifyBytes(Buffer.concat(segments), {
          keys: keys.map((key) => key.public),
          outsideSeals: outside
        })
        const valid = `valid ${records}${keys.length === 0 ? ", signatures not checked" : ""}`
        const verdict = problem === undefined ? valid : `bad ${problem.record}`
        const found = problem === undefined ? verdicts[index] : verdicts[index]!.split(" ", 2).join(" ")
        assert.strictEqual(
          found,
          verdict,
          `${name}: ${problem?.message ?? "valid"}, but Python says: ${verdicts[index]}`
        )
      }

      const program = join(support, "verify.py")
      assert.deepStrictEqual(python([program, ...calls[0]!]), [verdicts[0]])
      const bad = verdicts.findIndex((verdict) => verdict.startsWith("bad"))
      assert.deepStrictEqual(python([program, ...calls[bad]!], { status: 1 }), [verdicts[bad]])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("says why it cannot verify", () => {
    const program = join(support, "verify.py")
    const folder = mkdtempSync(join(tmpdir(), "audit-chain-"))
    try {
      const keys = join(folder, "keys.pem")
      writeFileSync(keys, key.pem)
      const missing = join(folder, "missing.jsonl")
      assert.match(python([program], { status: 2 })[0]!, /^usage: /)
      assert.deepStrictEqual(python([program, "/dev/null", "/dev/null", missing], { status: 2 }), [
        `The log cannot be verified: [Errno 2] No such file or directory: '${missing}'`
      ])
      const log = join(folder, "log.jsonl")
      writeFileSync(log, "no key")
      assert.match(python([program, log, "/dev/null", log], { status: 2 })[0]!, /^The log cannot be verified: /)
      const withoutPackage =
        "import runpy, sys\nsys.modules['cryptography'] = None\nrunpy.run_path(sys.argv.pop(1), run_name='__main__')"
      const said = python(["-c", withoutPackage, program, keys, "/dev/null", missing], { status: 2 })
      assert.match(said.join("\n"), /^The log cannot be verified: .*cryptography[^\n]*$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

interface Case {
  readonly name: string
  readonly segments: ReadonlyArray<Uint8Array>
  readonly keys: ReadonlyArray<Key>
  readonly outside: ReadonlyArray<string>
}

/** Logs of 120 records with a seal after every 10, in three segments; healthy ones, and tampered with in each way. */
const verdictCases = (): ReadonlyArray<Case> => {
  const log = new Log()
  log.seal(10)
  while (log.head.seq < 120) {
    const stage = Math.floor(log.head.seq / 40)
    if (log.head.seq % 11 === 0) log.seal(10, stage === 0 ? [key] : stage === 1 ? [key, otherKey] : [otherKey])
    else if (log.head.seq === 90) log.trim(41, 10, [otherKey])
    else log.add(recordLine(log.head.seq + 1, hostileTexts()[log.head.seq % hostileTexts().length]))
  }
  const { lines } = log
  const seals = lines.filter(AuditChain.isSeal)
  const keys = [key, otherKey]
  const cases: Array<Case> = []
  const add = (name: string, lines: ReadonlyArray<string>, rest: Partial<Case> = {}) => {
    const third = Math.ceil(lines.length / 3)
    const segments = [lines.slice(0, third), lines.slice(third, 2 * third), lines.slice(2 * third)].map(bytesOf)
    cases.push({ name, segments, keys, outside: seals, ...rest })
  }

  add("healthy", lines)
  add("without keys", lines, { keys: [] })
  add("without outside seals", lines, { outside: [] })
  add("with one of the keys", lines, { keys: [key] })
  add("with the other key", lines, { keys: [otherKey] })
  add("after retention", lines.slice(40))
  add("after retention, less than said", lines.slice(17))
  add("after more than retention", lines.slice(41))
  add("after more than retention, without keys", lines.slice(41), { keys: [] })
  const resealed = (change: (mark: AuditChain.Mark) => AuditChain.Mark) =>
    relink(lines, 90, (line, mark, index) => keep(line, index === 90 ? change(mark!) : mark)).slice(40, 95)
  const changes: ReadonlyArray<readonly [string, (mark: AuditChain.Mark) => AuditChain.Mark]> = [
    ["that is not sealed", () => ({ trimmed: { before: 41 } })],
    ["of another number", (mark) => ({ seal: mark.seal!, trimmed: { before: 42 } })],
    ["under the seal of nothing", (mark) => ({ seal: mark.seal! })],
    ["under another seal", () => ({ ...unlink(lines[88]!)[1]!, trimmed: { before: 41 } })]
  ]
  for (const [name, change] of changes) {
    add(`retention ${name}`, resealed(change), { outside: [] })
    add(`retention ${name}, without keys`, resealed(change), { keys: [], outside: [] })
  }
  const attacked = new Log(log.head)
  attacked.trim(61)
  attacked.add(recordLine(122, "stopped"))
  attacked.seal(10, [otherKey])
  // Behind the sealed retention, which removed less.
  add("retention that is forged, and sealed later", [...lines.slice(60), ...attacked.lines])
  add("retention that is forged, and sealed later, without keys", [...lines.slice(60), ...attacked.lines], { keys: [] })
  add("retention that is forged, of nothing", [...lines, ...attacked.lines])
  add("retention without a word", lines.slice(40, 80), { outside: [] })
  add("with unchained lines before", [recordLine(1), "junk", recordLine(2, lines[3]), ...lines])
  add("with unchained lines before, and the first missing", [recordLine(1), ...lines.slice(1)])
  add("with an unchained line in it", lines.toSpliced(50, 0, recordLine(1)))
  add("only unchained", [recordLine(1), recordLine(2)], { outside: [] })
  add("nothing", [], { outside: [] })
  add("nothing, without keys", [], { keys: [], outside: [] })
  add("all cut off", [])
  add("seals that are none outside", lines, {
    outside: ["", "{}", lines[1]!, seals[2]!.slice(0, -5), rehash(seals[1]!).slice(0, -1)]
  })
  add("another seal outside", lines, { outside: [rehash(seals[1]!.replace("sealed", "SEALED"))] })
  add("a damaged seal outside", lines, { outside: [seals[1]!.replace("sealed", "SEALED")] })
  add("a malformed seal outside", lines, { outside: ["{}", seals[1]!.slice(5), ...seals] })
  add("an impossible trimming outside", lines, { outside: [rehash(lines[90]!.replace('"before":41', '"before":99'))] })
  add(
    "without seals",
    relink(lines, 0, (line) => [line]),
    { outside: [] }
  )
  add(
    "without seals, kept outside",
    relink(lines, 0, (line) => [line])
  )
  add(
    "without later seals",
    relink(lines, 60, (line, mark) => keep(line, mark?.seal === undefined ? mark : undefined)),
    { outside: [] }
  )
  add(
    "with a promise that was changed",
    relink(lines, 55, (line, mark) =>
      keep(line, mark?.seal === undefined ? mark : { ...mark, seal: { ...mark.seal, every: 999 } })
    ),
    { outside: [] }
  )
  for (const index of [0, 1, 7, 8, 66, 90, 118, 119]) {
    const line = lines[index]!
    add(`deleted ${index}`, lines.toSpliced(index, 1))
    add(`doubled ${index}`, lines.toSpliced(index, 0, line))
    // Which of the first two comes second, the program does not ask.
    if (index > 0 && index < 119) add(`swapped ${index}`, lines.with(index, lines[index + 1]!).with(index + 1, line))
    add(`exchanged ${index}`, lines.with(index, rehash(line.replace("INFO", "WARN"))))
    add(
      `linked anew after ${index}`,
      relink(lines, index, (line, mark) => keep(line.replace("INFO", "WARN"), mark))
    )
    add(
      `linked anew after ${index}, without outside seals`,
      relink(lines, index, (line, mark) => keep(line.replace("INFO", "WARN"), mark)),
      { outside: [] }
    )
    add(`cut ${index}`, lines.slice(0, index))
    add(`cut ${index}, without outside seals`, lines.slice(0, index), { outside: [] })
    for (const change of ['"seq":0', '"seq":1e5,"x":', '"v":2,"seq":', '"before":9999', '"every":0', "A"]) {
      const at = change === "A" ? /(?<="prev":")./ : new RegExp(change.slice(0, change.indexOf(":") + 1))
      const [plain, chain] = [line.slice(0, line.lastIndexOf(',"chain":')), line.slice(line.lastIndexOf(',"chain":'))]
      add(`${change} in ${index}`, lines.with(index, rehash(plain + chain.replace(at, change))))
    }
  }
  // The segments as bytes, each changed somewhere.
  const whole = bytesOf(lines)
  for (let n = 0; n < 120; n++) {
    const at = Math.floor(((n + 0.5) * whole.length) / 120)
    const flipped = Buffer.from(whole)
    flipped[at]! ^= 1 << (n % 8)
    cases.push({ name: `byte ${at}`, segments: [flipped], keys, outside: seals })
    cases.push({ name: `cut at ${at}`, segments: [whole.subarray(0, at)], keys, outside: n % 2 === 0 ? seals : [] })
  }
  return cases
}

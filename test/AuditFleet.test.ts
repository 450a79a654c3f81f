import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Option } from "effect"
import * as AuditChain from "../src/AuditChain.js"
import * as AuditFleet from "../src/AuditFleet.js"
import {
  fleet,
  forged,
  type Given,
  given,
  headOf,
  interleaved,
  publicKey,
  recordOf,
  rehash,
  relinked,
  type Trail,
  trail,
  verify
} from "./support/fleets.js"

const isSeal = (line: string) => AuditChain.isSeal(line)

/** The problems, by instance. */
const found = ({ problems }: AuditFleet.Report) => problems.map(({ instance, reason }) => [instance, reason] as const)

const turns = fc.array(fc.nat(), { minLength: 1, maxLength: 40 })

// Attacks

/** What is left of a fleet after somebody was at it, and what must be said of it. */
interface Attacked {
  readonly records: ReadonlyArray<ReadonlyArray<Given>>
  readonly heads?: ReadonlyArray<AuditFleet.Head>
  readonly instance: string
  readonly reasons: ReadonlyArray<AuditFleet.Reason>
}

/** On the victim, which has at least three records, at the place `at`, not its last. */
type Attack = (fleet: ReadonlyArray<Trail>, victim: Trail, at: number) => Attacked

const instead = (fleet: ReadonlyArray<Trail>, victim: Trail, lines: ReadonlyArray<string>) =>
  fleet.map((trail) => given(trail === victim ? { ...victim, lines } : trail))

const onLines =
  (
    change: (lines: ReadonlyArray<string>, at: number) => ReadonlyArray<string>,
    ...reasons: ReadonlyArray<AuditFleet.Reason>
  ): Attack =>
  (fleet, victim, at) => ({
    records: instead(fleet, victim, change(victim.lines, at)),
    instance: victim.name,
    reasons
  })

/** Seen in any order of the instances, with nothing but the records. */
const anywhere: Readonly<Record<string, Attack>> = {
  "drops a record": onLines((lines, at) => lines.toSpliced(at, 1), "Missing"),
  "swaps two": onLines(
    (lines, at) => lines.with(at, lines[at + 1]!).with(at + 1, lines[at]!),
    "Missing",
    "OutOfOrder",
    "NotLinked"
  ),
  "changes a byte": onLines(
    (lines, at) => {
      const line = lines[at]!
      const place = (at * 7919) % line.length
      const other = line[place] === "x" ? "y" : "x"
      return lines.with(at, line.slice(0, place) + other + line.slice(place + 1))
    },
    "Modified",
    "Malformed",
    "NotChained",
    "UnknownVersion"
  ),
  "exchanges one, with a hash that fits": onLines((lines, at) => lines.with(at, forged(lines[at]!)), "NotLinked"),
  "adds a second one in the place of one": onLines(
    (lines, at) => lines.toSpliced(at + 1, 0, forged(lines[at]!)),
    "Forked"
  ),
  "adds a second one later": onLines((lines, at) => [...lines, forged(lines[at]!)], "Forked"),
  "adds one that is not chained": onLines((lines, at) => lines.toSpliced(at, 0, recordOf(99).line), "NotChained"),
  "gives an instance another name": (fleet, victim) => ({
    records: fleet.map((trail) => given(trail === victim ? { ...victim, name: "evil" } : trail)),
    instance: "evil",
    reasons: ["Renamed"]
  }),
  "copies an instance": (fleet, victim) => ({
    records: [...fleet.map(given), given({ ...victim, name: "evil" })],
    instance: "evil",
    reasons: ["Renamed"]
  })
}

const headless = (fleet: ReadonlyArray<Trail>, victim: Trail) => fleet.filter((trail) => trail !== victim).map(headOf)

/** Seen because the store says how far each chain goes, and has each record once. */
const inStore: Readonly<Record<string, Attack>> = {
  "cuts the end off": onLines((lines, at) => lines.slice(0, at + 1), "Cut"),
  "removes all of an instance": onLines(() => [], "Absent"),
  "stores one twice": onLines((lines, at) => lines.toSpliced(at + 1, 0, lines[at]!), "Doubled"),
  "stores one again at the end": onLines((lines, at) => [...lines, lines[at]!], "Doubled"),
  "writes everything anew from a record on": onLines(
    (lines, at) => relinked(lines.with(at, forged(lines[at]!)), at),
    "HeadMismatch"
  ),
  "adds one at the end": onLines((lines) => {
    const head = Option.getOrThrow(AuditChain.headOf(lines.at(-1)!))
    return [...lines, AuditChain.link(head, recordOf(99).line).line]
  }, "HeadMismatch"),
  "sets a head back": (fleet, victim, at) => ({
    records: fleet.map(given),
    heads: [...headless(fleet, victim), headOf({ ...victim, lines: victim.lines.slice(0, at + 1) })],
    instance: victim.name,
    reasons: ["HeadMismatch"]
  }),
  "removes a head": (fleet, victim) => ({
    records: fleet.map(given),
    heads: headless(fleet, victim),
    instance: victim.name,
    reasons: ["HeadMismatch"]
  }),
  "changes what a record is found by": (fleet, victim, at) => ({
    records: fleet.map((trail) =>
      given(trail).map((each, index) =>
        trail === victim && index === at ? { ...each, differing: ["user_name"] } : each
      )
    ),
    instance: victim.name,
    reasons: ["ColumnMismatch"]
  })
}

const isNamed = (report: AuditFleet.Report, { instance, reasons }: Attacked) => {
  const problems = found(report)
  assert.isTrue(
    problems.some(([name, reason]) => name === instance && reasons.includes(reason)),
    `${instance}: ${reasons.join(" or ")}, and not ${JSON.stringify(problems)}`
  )
  return problems
}

const scene = fc.record({ fleet: fleet(false), victim: fc.nat(), at: fc.nat(), turns })

const staged = (attack: Attack, { at, fleet, victim }: { fleet: ReadonlyArray<Trail>; victim: number; at: number }) => {
  const chosen = fleet[victim % fleet.length]!
  return { chosen, attacked: attack(fleet, chosen, at % (chosen.lines.length - 1)) }
}

describe("a verifier of fleets", () => {
  it("finds honest fleets valid, from a store and from a stream that delivers again", () => {
    fc.assert(
      fc.property(
        fc.boolean().chain((isSealed) => fc.tuple(fc.constant(isSealed), fleet(isSealed))),
        turns,
        fc.nat(),
        ([isSealed, trails], turns, at) => {
          const options: AuditFleet.Options = {
            keys: isSealed ? [publicKey] : [],
            outsideSeals: trails.flatMap(({ lines }) => lines.filter(isSeal)),
            expected: trails.map(({ name }) => name)
          }
          const stored = verify(trails.flatMap(given), options, trails.map(headOf))
          assert.deepStrictEqual(stored.problems, [])
          assert.deepStrictEqual(
            stored.instances.map(({ chain, doubled, instance }) => [instance, chain.records, doubled] as const),
            trails
              .map(({ lines, name }): readonly [string, number, number] => [name, lines.length, 0])
              .sort(([a], [b]) => (a < b ? -1 : 1))
          )

          // Each batch may come again as a whole, from any of its records on.
          const delivered = trails.map((trail) => {
            const records = given(trail)
            const from = at % records.length
            return [...records.slice(0, from + 3), ...records.slice(from)]
          })
          const streamed = verify(interleaved(delivered, turns), { ...options, source: "stream" })
          assert.deepStrictEqual(streamed.problems, [])
          assert.strictEqual(
            streamed.instances.reduce((sum, { doubled }) => sum + doubled, 0),
            delivered.flat().length - trails.flatMap(given).length
          )
        }
      )
    )
  })

  for (const [what, attack] of Object.entries({ ...anywhere, ...inStore })) {
    it(`names the instance in a store where somebody ${what}`, () => {
      fc.assert(
        fc.property(scene, (scene) => {
          const { chosen, attacked } = staged(attack, scene)
          const heads = attacked.heads ?? scene.fleet.map(headOf)
          const problems = isNamed(verify(attacked.records.flat(), {}, heads), attacked)
          // Nobody else is accused.
          assert.isTrue(problems.every(([name]) => name === attacked.instance || name === chosen.name))
        })
      )
    })
  }

  for (const [what, attack] of Object.entries(anywhere)) {
    it(`names the instance in a stream where somebody ${what}`, () => {
      fc.assert(
        fc.property(scene, (scene) => {
          const { attacked } = staged(attack, scene)
          const report = verify(interleaved(attacked.records, scene.turns), { source: "stream" })
          assert.isTrue(isNamed(report, attacked).every(([name]) => name === attacked.instance))
        })
      )
    })
  }

  it("stays with the keys where hashes are computed anew, and with the outside seals where the end is cut off", () => {
    fc.assert(
      fc.property(fleet(true), fc.nat(), fc.nat(), (trails, victim, at) => {
        const chosen = trails[victim % trails.length]!
        const place = at % (chosen.lines.length - 1)
        const anew = relinked(chosen.lines.with(place, forged(chosen.lines[place]!)), place)
        const rewritten = trails.map((trail) => (trail === chosen ? { ...chosen, lines: anew } : trail))
        // Whoever owns the store changes its heads as well.
        const report = verify(rewritten.flatMap(given), { keys: [publicKey] }, rewritten.map(headOf))
        assert.deepStrictEqual(found(report), [[chosen.name, "WrongSignature"]])

        const cut = trails.map((trail) =>
          trail === chosen ? { ...chosen, lines: chosen.lines.slice(0, place + 1) } : trail
        )
        const outsideSeals = trails.flatMap(({ lines }) => lines.filter(isSeal))
        const [first, ...others] = verify(cut.flatMap(given), { outsideSeals }, cut.map(headOf)).problems
        assert.include(["Cut", "SealNotFound"], first?.reason)
        assert.isTrue([first, ...others].every((problem) => [chosen.name, undefined].includes(problem?.instance)))
      })
    )
  })
})

describe("in a fleet", () => {
  const web1 = trail("web-1", [3])
  const web2 = trail("web-2", [3])
  const all = [...given(web1), ...given(web2)]
  const heads = [web1, web2].map(headOf)

  it("an instance that must be there is missed", () => {
    const { problems } = verify(all, { expected: ["web-1", "web-3"] }, heads)
    assert.deepStrictEqual(
      problems.map(({ instance, message, reason }) => [instance, reason, message]),
      [["web-3", "Absent", "There is no record of 'web-3', which must be there"]]
    )
    const removed = verify(given(web1), {}, heads)
    assert.deepStrictEqual(found(removed), [["web-2", "Absent"]])
    assert.include(removed.problems[0]!.message, "of which the store says that it took in 5")
  })

  it("an instance is missed of which a seal was kept outside", () => {
    const outsideSeals = trail("web-3", [3], true).lines.filter(isSeal).slice(0, 1)
    assert.deepStrictEqual(found(verify(all, { outsideSeals })), [["web-3", "Absent"]])
    // With no record at all, the seal is all there is.
    assert.deepStrictEqual(found(verify([], { outsideSeals })), [["web-3", "Absent"]])
  })

  it("outside seals are held against their own instance", () => {
    const sealed = [trail("web-1", [3], true), trail("web-2", [30], true)]
    // The seals of one are at places that the other has as well.
    const outsideSeals = sealed.flatMap(({ lines }) => lines.filter(isSeal))
    const records = sealed.flatMap(given)
    assert.deepStrictEqual(found(verify(records, { outsideSeals, keys: [publicKey] })), [])

    const exchanged = records.with(0, { name: "web-1", line: forged(records[0]!.line) })
    assert.deepInclude(found(verify(exchanged, { outsideSeals })), ["web-1", "SealMismatch"])
    assert.deepStrictEqual(found(verify(records, { outsideSeals: ["nonsense", recordOf(1).line] })), [])
  })

  it("an outside seal that does not say whose it is must be in some chain", () => {
    const sealed = trail("web-1", [3], true)
    const [last] = sealed.lines.slice(-1)
    assert.notInclude(last, "instance")
    const records = [...given(sealed), ...given(web2)]
    assert.deepStrictEqual(found(verify(records, { outsideSeals: [last!] })), [])
    const without = records.filter(({ line }) => line !== last)
    const [problem] = verify(without, { outsideSeals: [last!] }).problems
    assert.deepInclude(problem, { reason: "SealNotFound", instance: undefined, seq: sealed.lines.length })
  })

  it("a damaged outside seal is named", () => {
    const seals = trail("web-1", [3], true).lines.filter(isSeal)
    const outsideSeals = ["", seals[0]!.replace("starts", "STARTS")]
    const [problem, ...others] = verify(all, { outsideSeals }).problems
    assert.deepInclude(problem, { reason: "DamagedSeal", instance: undefined })
    assert.include(problem!.message, "Line 2 of the outside seals")
    assert.lengthOf(others, 0)
  })

  it("no record at all is no seal, where keys are given", () => {
    assert.deepStrictEqual(found(verify([])), [])
    assert.deepStrictEqual(found(verify([], { keys: [publicKey] })), [[undefined, "NotSealed"]])
    assert.deepStrictEqual(found(verify(all, { keys: [publicKey] })), [
      ["web-1", "NotSealed"],
      ["web-2", "NotSealed"]
    ])
  })

  it("two chains that begin alike are a copy, where their records name nobody", () => {
    const first = AuditChain.link(AuditChain.genesis, recordOf(1).line)
    const second = AuditChain.link(first.head, recordOf(2).line)
    const lines = [first.line, second.line]
    const report = verify([...given({ name: "a", lines }), ...given({ name: "b", lines }), ...all])
    assert.deepStrictEqual(found(report), [["b", "Copied"]])
    assert.include(report.problems[0]!.message, "'b' begins with the same record as 'a'")
  })

  it("what an event carries names no instance", () => {
    const details = { instance: "web-9", event: { type: "registrar-trail-started", details: { instance: "web-9" } } }
    const record = recordOf(1, { event: { type: "test-event", details }, message: '"registrar-trail-started"' })
    const { line } = AuditChain.link(AuditChain.genesis, record.line)
    assert.deepStrictEqual(found(verify([{ name: "web-1", line }])), [])
    // An application may call its own events what it likes.
    const own = recordOf(1, { event: { type: "registrar-trail-like", details: { instance: "web-9" } } })
    const linked = AuditChain.link(AuditChain.genesis, own.line)
    assert.deepStrictEqual(found(verify([{ name: "web-1", line: linked.line }])), [])
  })

  it("the end of a chain is told from what the store says", () => {
    const messages = (heads: ReadonlyArray<AuditFleet.Head>) =>
      verify(all, {}, [heads[0]!, headOf(web2)]).problems.map(({ message, seq }) => [seq, message])
    const { head } = headOf(web1)
    assert.deepStrictEqual(messages([{ name: "web-1", head: { ...head, seq: 4 } }]), [
      [5, "The records of 'web-1' go on up to seq 5, but the store took in none after seq 4"]
    ])
    assert.deepStrictEqual(messages([{ name: "web-1", head: { ...head, seq: 7 } }]), [
      [6, "The records of 'web-1' end with the seq 5, but the store took in those up to seq 7: they were cut off"]
    ])
    assert.deepStrictEqual(messages([{ name: "web-1", head: { ...head, hash: AuditChain.genesis.hash } }]), [
      [5, "The last record of 'web-1', seq 5, is not the one that the store took in: it was exchanged"]
    ])
  })

  it("what a record is found by is told of records that are sound", () => {
    const [first, second, third, ...rest] = given(web1)
    const modified = { ...second!, line: second!.line.replace("happened", "HAPPENED"), differing: ["message"] }
    assert.deepStrictEqual(found(verify([first!, modified, third!, ...rest])), [["web-1", "Modified"]])
    const report = verify([
      first!,
      modified,
      { ...third!, differing: ["ip", "type"] },
      { ...rest[0]!, differing: ["ip"] }
    ])
    assert.deepStrictEqual(found(report), [
      ["web-1", "Modified"],
      ["web-1", "ColumnMismatch"]
    ])
    assert.strictEqual(
      report.problems[1]!.message,
      "Of the record with the seq 3 of 'web-1', the columns ip, type say otherwise than its line: queries find it wrongly, or not at all (the first of 2 such records)"
    )
  })

  it("what was read is known, also after a problem", () => {
    const verifier = AuditFleet.verifier()
    assert.strictEqual(verifier.seqOf("web-1"), 0)
    for (const line of web1.lines.toSpliced(1, 1)) verifier.record("web-1", Buffer.from(line))
    assert.strictEqual(verifier.seqOf("web-1"), 5)
  })

  it("a beginning is missing, unless what keeps the records removes what is old", () => {
    const sealed = trail("web-1", [9], true)
    const later = given(sealed).slice(4)
    assert.deepStrictEqual(found(verify(later)), [["web-1", "Missing"]])
    assert.deepStrictEqual(found(verify(later, { isTrimmed: true })), [])
    assert.deepStrictEqual(found(verify(later.toSpliced(1, 1), { isTrimmed: true })), [["web-1", "Missing"]])
    // Seals of what is gone demand nothing; those of what is left do.
    const outsideSeals = sealed.lines.filter(isSeal)
    assert.deepStrictEqual(found(verify(later, { isTrimmed: true, outsideSeals })), [])
    const unnamed = trail("other", [1], true).lines.filter(isSeal).slice(-1)
    assert.deepStrictEqual(found(verify(later, { isTrimmed: true, outsideSeals: unnamed })), [])
    const named = outsideSeals.filter((line) => line.includes('"instance":"web-1"'))
    const end = later.findIndex(({ line }) => line === named.at(-1))
    assert.isAbove(end, 0)
    const cut = verify(later.slice(0, end), { isTrimmed: true, outsideSeals: named })
    assert.deepStrictEqual(found(cut), [["web-1", "Cut"]])
    const unchecked = verify(given(trail("web-1", [9])).slice(4), { isTrimmed: true, keys: [publicKey] })
    assert.deepStrictEqual(found(unchecked), [["web-1", "NotSealed"]])
  })

  it("the problems of a chain are told with its name", () => {
    const report = verify([
      ...given(web1).with(2, { name: "web-1", line: web1.lines[2]!.replace("happened", "HAPPENED") }),
      ...given(web2)
    ])
    assert.deepStrictEqual(
      report.problems.map((problem) => ({ ...problem })),
      [
        {
          _tag: "FleetProblem",
          reason: "Modified",
          instance: "web-1",
          seq: 3,
          message: "Record 3 of 'web-1' (seq 3) was modified: its bytes do not have the hash that it ends with"
        }
      ]
    )
  })

  it("a store that was cut off and sealed before is both", () => {
    const sealed = trail("web-1", [9], true)
    const outsideSeals = sealed.lines.filter(isSeal).slice(0, -1)
    const problems = found(verify(given(sealed).slice(0, 3), { outsideSeals }, [headOf(sealed)]))
    assert.deepStrictEqual(problems, [
      ["web-1", "Cut"],
      ["web-1", "Cut"]
    ])
  })
})

describe("a stream that delivers again", () => {
  const long = trail("web-1", [2000])
  const records = given(long)
  const from = (records: ReadonlyArray<Given>) => verify(records, { source: "stream" })

  it("is believed where a batch of any length comes again to its end, also after attempts that failed", () => {
    const again = from([...records, ...records.slice(100, 300), ...records.slice(100, 900), ...records.slice(50)])
    assert.deepStrictEqual(again.problems, [])
    assert.strictEqual(again.instances[0]!.doubled, 200 + 800 + records.length - 50)
  })

  it("is believed where a record comes again soon", () => {
    const soon = from([...records, records.at(-100)!, records.at(-200)!, records.at(-100)!])
    assert.deepStrictEqual(soon.problems, [])
    assert.strictEqual(soon.instances[0]!.doubled, 3)
  })

  it("is not believed where an old record comes alone", () => {
    const late = from([...records, records[10]!, records[11]!])
    assert.deepStrictEqual(found(late), [["web-1", "Unproven"]])
    assert.strictEqual(late.problems[0]!.seq, 11)
    // What follows links to another one in its place.
    const other = { name: "web-1", line: forged(records[10]!.line) }
    assert.deepStrictEqual(found(from([...records, other, ...records.slice(11)])), [["web-1", "Unproven"]])
  })

  it("is a fork where an old record comes in two forms", () => {
    const other = { name: "web-1", line: forged(records[10]!.line) }
    assert.deepStrictEqual(found(from([...records, records[10]!, other])), [["web-1", "Forked"]])
    assert.deepStrictEqual(found(from([...records, other, ...records.slice(10)])), [["web-1", "Forked"]])
  })

  it("is modified where what comes again does not have its hash", () => {
    const other = { name: "web-1", line: records[1999]!.line.replace("happened", "HAPPENED") }
    assert.deepStrictEqual(found(from([...records, other])), [["web-1", "Modified"]])
  })
})

describe("what strangers write", () => {
  it("is verified for so many instances only, and in bounded memory", () => {
    const verifier = AuditFleet.verifier({ source: "stream", maxInstances: 3 })
    const { line } = AuditChain.link(AuditChain.genesis, recordOf(1).line)
    const bytes = Buffer.from(line)
    verifier.record("x".repeat(129), bytes)
    for (const name of ["a", "b", "c"]) verifier.record(name, Buffer.from(trail(name, [1]).lines[0]!))
    const before = process.memoryUsage().heapUsed
    for (let nth = 0; nth < 20_000; nth++) verifier.record(`instance-${nth}-${"x".repeat(1000)}`, bytes)
    assert.isBelow(process.memoryUsage().heapUsed - before, 40_000_000)
    const { instances, problems, records } = verifier.end()
    assert.strictEqual(records, 20_004)
    assert.deepStrictEqual(
      instances.map(({ instance }) => instance),
      ["a", "b", "c"]
    )
    assert.deepStrictEqual(
      problems.map(({ reason }) => reason),
      ["TooMany"]
    )
    assert.include(problems[0]!.message, "20001 records were not verified")
    assert.isBelow(problems[0]!.message.length, 400)
  })

  it("makes nothing throw", () => {
    const lines = trail("web-1", [3]).lines
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(fc.constantFrom("web-1", "__proto__", "constructor", ""), fc.string({ unit: "binary" })),
            fc.oneof(
              fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
              fc.constantFrom(...lines).map((line) => Buffer.from(line)),
              fc
                .constantFrom(...lines)
                .map((line) => Buffer.from(rehash(line.replace(/"seq":\d+/, '"seq":999999999999999')))),
              fc
                .constantFrom(...lines)
                .map((line) => Buffer.from(rehash(line.replace(/"instance":"[^"]*"/, '"instance":{"a":[]}'))))
            )
          ),
          { maxLength: 12 }
        ),
        fc.boolean(),
        fc.array(fc.oneof(fc.string(), fc.constantFrom(...trail("x", [5], true).lines)), { maxLength: 4 }),
        (records, isStream, outsideSeals) => {
          const verifier = AuditFleet.verifier({
            source: isStream ? "stream" : "store",
            outsideSeals,
            keys: [publicKey]
          })
          for (const [name, bytes] of records) verifier.record(name, bytes)
          const once = verifier.end({ heads: [] })
          assert.deepStrictEqual(verifier.end({ heads: [] }), once)
        }
      )
    )
  })
})

/**
 * Tamper evidence over the trails of many instances: one chain for each, read from a store or from a stream. Values only; what reads
 * them is elsewhere.
 *
 * Each record is given with the name that it is kept under. Every chain is verified by itself (`AuditChain`), and then what no chain
 * can tell of itself: that an instance is missing, is a copy of another one, or ends before the store or a seal that was kept outside
 * says so. `docs/guides/verify-by-hand.md` says what that proves.
 *
 * @example
 * import * as AuditChain from "effect-registrar/AuditChain"
 * import * as AuditFleet from "effect-registrar/AuditFleet"
 *
 * const first = AuditChain.link(AuditChain.genesis, '{"message":"hello","source":"app"}')
 * const second = AuditChain.link(first.head, '{"message":"bye","source":"app"}')
 *
 * const verifier = AuditFleet.verifier({ expected: ["web-1", "web-2"] })
 * verifier.record("web-1", Buffer.from(first.line))
 * verifier.record("web-1", Buffer.from(second.line.replace("bye", "boo")))
 *
 * for (const { reason, message } of verifier.end().problems) console.log(`${reason}: ${message}`)
 * // Modified: Record 2 of 'web-1' (seq 2) was modified: its bytes do not have the hash that it ends with
 * // Absent: There is no record of 'web-2', which must be there
 */
import { Data, Either, Option } from "effect"
import * as AuditChain from "./AuditChain.js"
import * as AuditRecord from "./AuditRecord.js"
import * as ChainLine from "./internal/chainLine.js"
import * as Deliveries from "./internal/deliveries.js"

/**
 * What is wrong in a fleet, besides what can be wrong with a chain (`AuditChain.Reason`).
 *
 * - `Forked`: the place of a record is taken by two different ones.
 * - `Doubled`: a store holds a record twice.
 * - `Unproven`: a stream delivers records again that are too old for anyone to say whether they are the same.
 * - `Renamed`: a record of the trail itself names another instance: the chain was copied, or given another name.
 * - `Copied`: two chains begin with the same record.
 * - `Absent`: there is no record of an instance that must be there.
 * - `HeadMismatch`: the last record is not what the store says that it took in last. `Cut`, where the records end before it.
 * - `ColumnMismatch`: what a store finds a record by is not what the record says.
 * - `SealNotFound`: no chain holds an outside seal that does not say whose it is.
 * - `TooMany`: there are more instances, or longer names, than are verified.
 *
 * @category models
 */
export type Reason =
  | AuditChain.Reason
  | "Forked"
  | "Unproven"
  | "Renamed"
  | "Copied"
  | "Absent"
  | "HeadMismatch"
  | "ColumnMismatch"
  | "SealNotFound"
  | "TooMany"

/**
 * @category models
 */
export class Problem extends Data.TaggedClass("FleetProblem")<{
  readonly reason: Reason
  /** Whose chain it is in, where that is known. */
  readonly instance: string | undefined
  readonly seq: number | undefined
  readonly message: string
}> {}

/**
 * @category models
 */
export interface InstanceReport {
  readonly instance: string
  /** What its chain says of itself. */
  readonly chain: AuditChain.Report
  /** How many records a stream delivered again, exactly as before. */
  readonly doubled: number
}

/**
 * @category models
 */
export interface Report {
  /** Those of the chains by their names, then those of the fleet. Of what a chain tells only the first is named. */
  readonly problems: ReadonlyArray<Problem>
  /** By name. */
  readonly instances: ReadonlyArray<InstanceReport>
  /** All that were given. */
  readonly records: number
}

/**
 * @category models
 */
export interface Options {
  /** Whose seals are valid. Without keys, signatures are not checked. */
  readonly keys?: ReadonlyArray<AuditChain.PublicKey> | undefined
  /** The lines kept in second places, those of all instances together. What does not look like a seal is ignored. */
  readonly outsideSeals?: Iterable<string> | undefined
  /** The names of instances that must be there. */
  readonly expected?: Iterable<string> | undefined
  /** A stream may deliver records again, exactly as before; a store has each record once. Default: `"store"`. */
  readonly source?: "store" | "stream" | undefined
  /** The oldest records were removed by what keeps them, and no record tells of it, as in a stream with an age limit. Default: `false`. */
  readonly isTrimmed?: boolean | undefined
  /** Records of more instances are not verified, which is a problem. Default: 10,000. */
  readonly maxInstances?: number | undefined
}

/**
 * How far the chain of an instance goes, as a store says.
 *
 * @category models
 */
export interface Head {
  readonly name: string
  readonly head: AuditChain.Head
}

/**
 * @category models
 */
export interface Verifier {
  /**
   * The next record, without its line feed. Those of one instance come in the order of its chain, and instances in any, also by
   * turns. `differing` names what a store finds the record by, where the record says otherwise.
   */
  readonly record: (instance: string, bytes: Uint8Array, differing?: ReadonlyArray<string>) => void
  /** The highest sequence number that was read of an instance; 0 before the first. */
  readonly seqOf: (instance: string) => number
  /** After the last record. `heads` are all that the store knows, as they are after the last record was read. */
  readonly end: (options?: { readonly heads?: Iterable<Head> | undefined }) => Report
}

interface Chain {
  readonly name: string
  readonly verifier: AuditChain.Verifier
  readonly deliveries: Deliveries.Deliveries
  first: AuditChain.Head | undefined
  seq: number
  doubled: number
  /** The first of the chain itself: nothing that follows is verified. */
  problem: Problem | undefined
  renamed: Problem | undefined
  mismatch: { readonly seq: number | undefined; readonly columns: ReadonlyArray<string>; records: number } | undefined
}

/**
 * A verifier for the trails of a fleet. It takes some 50 kB for each instance, however long its chain is, and no record makes it throw.
 *
 * @category constructors
 */
export const verifier = (options: Options = {}): Verifier => {
  const { expected = [], isTrimmed = false, keys = [], maxInstances = 10_000, source = "store" } = options
  const outside = sealsByInstance(options.outsideSeals ?? [])
  const chains = new Map<string, Chain>()
  const patience = Deliveries.patience()
  let records = 0
  /** Of instances that are not verified. */
  let others = { records: 0, name: "" }

  const chainOf = (name: string): Chain | undefined => {
    const known = chains.get(name)
    if (known !== undefined) return known
    if (chains.size >= maxInstances || name.length > longestName) {
      others = { records: others.records + 1, name: others.name || name.slice(0, longestName) }
      return undefined
    }
    const chain: Chain = {
      name,
      verifier: AuditChain.verifier({ keys, outsideSeals: outside.byInstance.get(name) ?? [] }),
      deliveries: Deliveries.make(patience),
      first: undefined,
      seq: 0,
      doubled: 0,
      problem: undefined,
      renamed: undefined,
      mismatch: undefined
    }
    chains.set(name, chain)
    return chain
  }

  const record: Verifier["record"] = (instance, bytes, differing = []) => {
    records++
    const chain = chainOf(instance)
    if (chain === undefined) return
    const before = chain.problem
    const seq = take(chain, bytes)
    // Of a record that is wrong in itself, nobody knows by what it should be found.
    if (differing.length === 0 || chain.problem !== before) return
    chain.mismatch ??= { seq, columns: differing, records: 0 }
    chain.mismatch.records++
  }

  const take = (chain: Chain, bytes: Uint8Array): number | undefined => {
    const tail = ChainLine.tailOf(bytes)
    if (tail === undefined) {
      takeWithoutTail(chain, bytes)
      return undefined
    }
    const { seq } = tail
    const hash = ChainLine.hashOf(bytes)
    if (outside.unnamed.size > 0) outside.unnamed.delete(hash)
    if (chain.problem !== undefined) {
      chain.seq = Math.max(chain.seq, seq)
    } else if (chain.first !== undefined && seq >= chain.first.seq && seq <= chain.seq) {
      takeAgain(chain, bytes, { seq, hash, prev: ChainLine.prevOf(bytes, tail) })
    } else if (!isProblem(chain, bytes)) {
      chain.first ??= { seq, hash }
      chain.seq = seq
      chain.deliveries.add(seq, hash)
      const name = instanceIn(bytes)
      if (name !== undefined && name !== chain.name) chain.renamed ??= renamed(chain, name)
    }
    return seq
  }

  const takeWithoutTail = (chain: Chain, bytes: Uint8Array) => {
    if (chain.problem !== undefined || isProblem(chain, bytes)) return
    // In a file it may stand before the first of the chain.
    const message = `A record of '${chain.name}' is not chained, and nothing protects it`
    chain.problem = problem("NotChained", chain, undefined, message)
  }

  /** A record whose place is taken. */
  const takeAgain = (chain: Chain, bytes: Uint8Array, link: AuditChain.Link) => {
    // What does not have its hash is no record at all.
    const found = Option.isNone(AuditChain.headOf(bytes)) ? "modified" : chain.deliveries.again(link)
    const isDelivery = source === "stream" && (found === "same" || found === "unproven")
    if (isDelivery) {
      chain.doubled++
      return
    }
    // Its own report does not go on either.
    if (!isProblem(chain, bytes)) return
    const { seq } = link
    const the = `of '${chain.name}' with the seq ${seq}`
    if (found === "other") {
      const message = `There are two different records ${the}: two programs have written as one, or one of the two is forged`
      chain.problem = problem("Forked", chain, seq, message)
    } else if (found === "same") {
      chain.problem = problem("Doubled", chain, seq, `The record ${the} is there twice`)
    } else if (found === "forgotten") {
      chain.problem = unproven(chain, seq)
    }
  }

  const isProblem = (chain: Chain, bytes: Uint8Array): boolean => {
    const found = chain.verifier.line(bytes)
    if (found !== undefined) chain.problem = ofChain(chain, found)
    return found !== undefined
  }

  const problemsOf = (
    chain: Chain,
    report: AuditChain.Report,
    heads: ReadonlyMap<string, AuditChain.Head> | undefined
  ) => {
    const waiting = chain.deliveries.unproven()
    const own = chain.problem ?? (waiting === undefined ? undefined : unproven(chain, waiting)) ?? atEnd(chain, report)
    const isRead = heads !== undefined && chain.problem === undefined
    return [
      own,
      isRead ? besideHead(chain, report, heads.get(chain.name)) : undefined,
      chain.renamed,
      chain.mismatch && mismatched(chain, chain.mismatch)
    ].filter((found) => found !== undefined)
  }

  const atEnd = (chain: Chain, { problem: found, first, seals }: AuditChain.Report) => {
    if (found === undefined) return undefined
    if (!isTrimmed || !isBeginning(found)) return ofChain(chain, found)
    // What comes after it was not looked for.
    const isUnsealed = keys.length > 0 && seals === 0
    return isUnsealed ? problem("NotSealed", chain, first, `No record of '${chain.name}' is sealed`) : undefined
  }

  const end: Verifier["end"] = ({ heads: given } = {}) => {
    const heads = given && new Map(Array.from(given, ({ head, name }) => [name, head] as const))
    const sorted = [...chains.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const reports = sorted.map((chain) => [chain, chain.verifier.end()] as const)
    const absent = new Map<string, string>()
    const demand = (name: string, why: string) => {
      // Who was not looked at may be there.
      if (others.records > 0 || chains.has(name) || absent.has(name)) return
      absent.set(name, `There is no record of '${name}', ${why}`)
    }
    for (const [name, { seq }] of heads ?? []) demand(name, `of which the store says that it took in ${seq}`)
    for (const name of expected) demand(name, "which must be there")
    for (const name of outside.byInstance.keys()) demand(name, "of which a seal was kept outside")

    // Those of an instance that retention has trimmed may be of records that are gone.
    const left = reports.reduce((most, [, { first = 1 }]) => Math.max(most, first), 1)
    const unfound = Array.from(outside.unnamed.values()).filter((seq) => seq >= left)
    return {
      problems: [
        ...reports.flatMap(([chain, report]) => problemsOf(chain, report, heads)),
        ...copies(sorted),
        ...Array.from(absent, ([name, message]) => problem("Absent", { name }, undefined, message)),
        ...(outside.damaged === undefined ? [] : [outside.damaged]),
        ...(unfound.length === 0 ? [] : [notFound(unfound)]),
        ...(others.records === 0 ? [] : [tooMany(others, maxInstances)]),
        ...(records === 0 && keys.length > 0 && absent.size === 0 ? [noRecord()] : [])
      ],
      instances: reports.map(([{ doubled, name }, chain]) => ({ instance: name, chain, doubled })),
      records
    }
  }

  return { record, seqOf: (instance) => chains.get(instance)?.seq ?? 0, end }
}

/** No instance may have a longer one, and nobody fills the memory with them. */
const longestName = 128

// Outside seals

/** The seals among the lines, by the instance that they name; the sequence numbers, by hash, of those that name none. */
const sealsByInstance = (lines: Iterable<string>) => {
  const byInstance = new Map<string, Array<string>>()
  const unnamed = new Map<string, number>()
  let damaged: Problem | undefined
  let number = 0
  for (const line of lines) {
    number++
    if (!AuditChain.isSeal(line)) continue
    const head = Option.getOrUndefined(AuditChain.headOf(line))
    const name = head && instanceOf(line)
    if (head === undefined) {
      damaged ??= damagedSeal(number)
    } else if (name === undefined) {
      unnamed.set(head.hash, head.seq)
    } else {
      const lines = byInstance.get(name) ?? []
      lines.push(line)
      byInstance.set(name, lines)
    }
  }
  return { byInstance, unnamed, damaged }
}

/** The instance that a record of the trail itself names. */
const instanceOf = (line: string): string | undefined => {
  const { event, source } = Either.getOrUndefined(AuditRecord.fromLine(line)) ?? {}
  const name = event?.details["instance"]
  const isOwn = source === "effect-registrar" && event?.type.startsWith(typeOfTrail)
  return isOwn && typeof name === "string" ? name : undefined
}

/** The same, of what is none of those in nearly all cases. */
const instanceIn = (bytes: Uint8Array): string | undefined => {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return line.includes(typeOfTrail, 0, "latin1") ? instanceOf(line.toString()) : undefined
}

const typeOfTrail = "registrar-trail-"

// Problems

const problem = (
  reason: Reason,
  instance: { readonly name: string } | undefined,
  seq: number | undefined,
  message: string
) => new Problem({ reason, instance: instance?.name, seq, message })

const ofChain = (chain: Chain, { message, reason, seq }: AuditChain.Problem) =>
  problem(
    reason,
    chain,
    seq,
    message.replace(/^Record \d+/, (record) => `${record} of '${chain.name}'`)
  )

const unproven = (chain: Chain, seq: number) => {
  const message = `The record of '${chain.name}' with the seq ${seq} came again so late that nobody can tell whether it is the same`
  return problem("Unproven", chain, seq, message)
}

const renamed = (chain: Chain, other: string) => {
  const what = `says that its instance is '${other.slice(0, longestName)}'`
  const message = `Record ${chain.seq} of '${chain.name}' ${what}: the chain was copied, or given another name`
  return problem("Renamed", chain, chain.seq, message)
}

const mismatched = (chain: Chain, { columns, records, seq }: NonNullable<Chain["mismatch"]>) => {
  const which = seq === undefined ? "a record" : `the record with the seq ${seq}`
  const what = columns.length === 1 ? `the column ${columns[0]} says` : `the columns ${columns.join(", ")} say`
  const more = records === 1 ? "" : ` (the first of ${records} such records)`
  const message = `Of ${which} of '${chain.name}', ${what} otherwise than its line: queries find it wrongly, or not at all${more}`
  return problem("ColumnMismatch", chain, seq, message)
}

/** That the first record is not the first of its chain is told of it, and nothing else is that is missing. */
const isBeginning = ({ reason, record }: AuditChain.Problem): boolean => reason === "Missing" && record === 1

/** What is wrong with the end of a chain, where the store says how far it goes. */
const besideHead = (chain: Chain, { last }: AuditChain.Report, head: AuditChain.Head | undefined) => {
  const ofIt = `of '${chain.name}'`
  if (last === undefined) return undefined
  if (head === undefined) {
    const message = `There are records ${ofIt}, of which the store does not say that it took in any`
    return problem("HeadMismatch", chain, last.seq, message)
  }
  if (last.seq < head.seq) {
    const message = `The records ${ofIt} end with the seq ${last.seq}, but the store took in those up to seq ${head.seq}: they were cut off`
    return problem("Cut", chain, last.seq + 1, message)
  }
  if (last.seq > head.seq) {
    const message = `The records ${ofIt} go on up to seq ${last.seq}, but the store took in none after seq ${head.seq}`
    return problem("HeadMismatch", chain, head.seq + 1, message)
  }
  if (last.hash === head.hash) return undefined
  const message = `The last record ${ofIt}, seq ${last.seq}, is not the one that the store took in: it was exchanged`
  return problem("HeadMismatch", chain, last.seq, message)
}

/** Those that begin like another one. Where records name the instance, that one is renamed. */
const copies = (chains: ReadonlyArray<Chain>) => {
  const originals = new Map<string, string>()
  return chains.flatMap((chain) => {
    if (chain.first === undefined || chain.renamed !== undefined) return []
    const original = originals.get(chain.first.hash)
    originals.set(chain.first.hash, original ?? chain.name)
    if (original === undefined) return []
    const message = `'${chain.name}' begins with the same record as '${original}': one of them is a copy of the other`
    return [problem("Copied", chain, chain.first.seq, message)]
  })
}

const tooMany = ({ name, records }: { readonly name: string; readonly records: number }, maxInstances: number) => {
  const message = `${records} records were not verified, because there are more than ${maxInstances} instances, or their name is too long: the first is of '${name}'`
  return problem("TooMany", undefined, undefined, message)
}

const damagedSeal = (line: number) => {
  const message = `Line ${line} of the outside seals is damaged: it looks like a seal, but its bytes do not have its hash`
  return problem("DamagedSeal", undefined, undefined, message)
}

const notFound = (seqs: ReadonlyArray<number>) => {
  const first = seqs.reduce((first, seq) => Math.min(first, seq))
  const more = seqs.length === 1 ? "" : `; so it is with ${seqs.length} seals`
  const message = `A seal with the seq ${first} was kept outside, and no instance has it${more}`
  return problem("SealNotFound", undefined, first, message)
}

const noRecord = () => problem("NotSealed", undefined, undefined, "There is no record, and with it no seal")

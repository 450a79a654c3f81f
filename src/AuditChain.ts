/**
 * Tamper evidence over the lines of an audit trail: link, seal, verify. Values only; what writes and reads files is elsewhere.
 *
 * A chained line is the record's own line with one more, last member, `chain`: the version, the sequence number, the hash of
 * the record before, and the SHA-256 of the line's bytes up to the hash itself. It is looked for from the end of the line, so
 * that nothing an event carries can pass for it. A seal is a member of a chain as well: it signs everything before it with
 * Ed25519. `docs/guides/verify-by-hand.md` specifies the format, and says what it proves.
 *
 * @example
 * import * as AuditChain from "effect-registrar/AuditChain"
 *
 * const first = AuditChain.link(AuditChain.genesis, '{"message":"hello","source":"app"}')
 * const second = AuditChain.link(first.head, '{"message":"bye","source":"app"}')
 *
 * const verify = (...lines: ReadonlyArray<string>) => {
 *   const verifier = AuditChain.verifier()
 *   for (const line of lines) verifier.line(new TextEncoder().encode(line))
 *   return verifier.end().problem?.message ?? "nothing is wrong"
 * }
 *
 * console.log(verify(first.line, second.line)) // nothing is wrong
 * console.log(verify(first.line, second.line.replace("bye", "boo")))
 * // Record 2 (seq 2) was modified: its bytes do not have the hash that it ends with
 */
import { Data, Effect, Either, Option, Redacted } from "effect"
import type { Array as NonEmpty } from "effect"
import * as Crypto from "node:crypto"
import * as ChainLine from "./internal/chainLine.js"
import { isJsonText } from "./internal/jsonText.js"

/**
 * Where a chain has got to: what the next record is linked to.
 *
 * @category models
 */
export interface Head {
  /** The sequence number of the last record; 0 before the first. */
  readonly seq: number
  /** The hash of the last record. */
  readonly hash: string
}

/**
 * What a stored line says of its place: its own head, and the hash of the record before.
 *
 * @category models
 */
export interface Link extends Head {
  readonly prev: string
}

/**
 * The head before the first record.
 *
 * @category constructors
 */
export const genesis: Head = { seq: 0, hash: "0".repeat(64) }

/**
 * Signs all records before the one that holds it, and that record's trimming: `date`, how many records may follow before the
 * next seal (`every`), and one signature for each key.
 *
 * @category models
 */
export type Seal = ChainLine.Seal

/**
 * What a record's `chain` may hold besides its links: that retention removed all records with a smaller sequence number than
 * `before`, a seal, or both. Under keys, only a trimming that its own record's seal signs proves anything.
 *
 * @category models
 */
export type Mark = ChainLine.Mark

/**
 * @category models
 */
export interface Linked {
  readonly line: string
  readonly head: Head
}

/**
 * Appends a record to the chain. `line` is one JSON object with at least one member, without the line end.
 *
 * @category constructors
 */
export const link = (head: Head, line: string, mark?: Mark): Linked => {
  const seq = head.seq + 1
  const opened = ChainLine.open(line, seq, head.hash, mark)
  const hash = sha256(opened)
  return { line: ChainLine.close(opened, hash), head: { seq, hash } }
}

/**
 * The head after a stored line; none where the line is not chained, or does not have the hash that it ends with.
 *
 * @category getters
 */
export const headOf = (line: string | Uint8Array): Option.Option<Head> =>
  Option.map(linkOf(line), ({ hash, seq }) => ({ seq, hash }))

/**
 * The same, with the hash of the record before it.
 *
 * @category getters
 */
export const linkOf = (line: string | Uint8Array): Option.Option<Link> => {
  if (typeof line === "string" && !ChainLine.mayHaveTail(line)) return Option.none()
  const bytes = typeof line === "string" ? Buffer.from(line) : line
  const tail = ChainLine.tailOf(bytes)
  if (tail === undefined) return Option.none()
  const hash = sha256(ChainLine.hashedPart(bytes))
  if (!ChainLine.endsWithHash(bytes, hash)) return Option.none()
  return Option.some({ seq: tail.seq, prev: ChainLine.prevOf(bytes, tail), hash })
}

/**
 * Whether a stored line holds a seal. Looks at the form only.
 *
 * @category guards
 */
export const isSeal = (line: string): boolean => ChainLine.hasFormOfSeal(line)

// Keys

/**
 * A private key. It is not among the members, and so never printed.
 *
 * @category models
 */
export interface SigningKey {
  /** The first 16 hexadecimal digits of the SHA-256 over the public key's SPKI DER. */
  readonly id: string
  /** The signature in base64. */
  readonly sign: (text: string) => string
}

/**
 * @category models
 */
export interface PublicKey {
  readonly id: string
  readonly verify: (text: string, signature: string) => boolean
}

/**
 * A text is not the key that is asked for.
 *
 * @category errors
 */
export class KeyError extends Data.TaggedError("KeyError")<{
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.description
  }
}

/**
 * Reads an Ed25519 private key: PKCS #8 in PEM, not encrypted.
 *
 * @category constructors
 */
export const signingKey = (pem: string | Redacted.Redacted): Either.Either<SigningKey, KeyError> =>
  Either.map(readKey(Redacted.isRedacted(pem) ? Redacted.value(pem) : pem, "private"), (key): SigningKey => ({
    id: idOf(Crypto.createPublicKey(key)),
    sign: (text) => Crypto.sign(null, Buffer.from(text), key).toString("base64")
  }))

/**
 * Reads an Ed25519 public key: SPKI in PEM.
 *
 * @category constructors
 */
export const publicKey = (pem: string): Either.Either<PublicKey, KeyError> =>
  Either.map(readKey(pem, "public"), (key): PublicKey => ({
    id: idOf(key),
    verify: (text, signature) => Crypto.verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"))
  }))

/**
 * A new pair of keys, in PEM.
 *
 * @category constructors
 */
export const generateKeys: Effect.Effect<{
  readonly privateKey: Redacted.Redacted
  readonly publicKey: string
  readonly id: string
}> = Effect.sync(() => {
  const pair = Crypto.generateKeyPairSync("ed25519")
  return {
    privateKey: Redacted.make(pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
    publicKey: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
    id: idOf(pair.publicKey)
  }
})

/**
 * The seal over everything up to `head`, and over the trimming of the record that will hold it. `every` is a positive integer
 * of at most 15 digits, `date` UTC with milliseconds and `Z`.
 *
 * @category constructors
 */
export const seal = (
  head: Head,
  options: {
    readonly date: string
    readonly every: number
    readonly keys: NonEmpty.NonEmptyReadonlyArray<SigningKey>
    readonly trimmed?: { readonly before: number } | undefined
  }
): Seal => {
  const { date, every, keys, trimmed } = options
  const text = signedText(head, every, date, trimmed)
  return { date, every, signatures: keys.map(({ id, sign }) => ({ key: id, signature: sign(text) })) }
}

const signedText = (head: Head, every: number, date: string, trimmed: ChainLine.Trimming | undefined) =>
  `registrar-seal:1:${head.seq}:${head.hash}:${every}:${date}${trimmed === undefined ? "" : `:${trimmed.before}`}`

const idOf = (key: Crypto.KeyObject) => sha256(key.export({ type: "spki", format: "der" })).slice(0, 16)

const readKey = (pem: string, wanted: "private" | "public"): Either.Either<Crypto.KeyObject, KeyError> => {
  const fail = (what: string, cause?: unknown) =>
    Either.left(new KeyError({ description: `The ${wanted} key ${what}`, cause }))
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1]
  if (label === undefined) return fail(`is not PEM: it has no line '-----BEGIN ${wanted.toUpperCase()} KEY-----'`)
  if (label.includes("PUBLIC") && wanted === "private") return fail("is a public key: sealing needs the private one")
  if (label.includes("PRIVATE") && wanted === "public") {
    return fail(
      "is a private key: keep that secret and give the public one, as 'openssl pkey -in FILE -pubout' prints it"
    )
  }
  if (label.includes("ENCRYPTED") || pem.includes("Proc-Type: 4,ENCRYPTED")) {
    return fail("is encrypted: give it decrypted, as 'openssl pkey -in FILE' prints it")
  }
  try {
    const key = wanted === "private" ? Crypto.createPrivateKey(pem) : Crypto.createPublicKey(pem)
    const type = key.asymmetricKeyType
    return type === "ed25519" ? Either.right(key) : fail(`is not Ed25519 but ${type}`)
  } catch (cause) {
    return fail(`cannot be read: it is PEM, of the kind '${label}', but damaged or of another format`, cause)
  }
}

// Verification

/**
 * What is wrong with a record.
 *
 * - `Malformed`: its `chain` is not what version 1 says.
 * - `UnknownVersion`: its `chain` is of a version that is not known here.
 * - `NotChained`: it has no `chain`, in a place where each record must have one.
 * - `Modified`: its bytes do not have the hash that it ends with.
 * - `Missing`: records before it are missing.
 * - `Doubled`, `OutOfOrder`: it was there already, or its place is an earlier one.
 * - `NotLinked`: it, or the one before, was exchanged, with a hash that fits.
 * - `UnknownKey`, `WrongSignature`, `NotSealed`, `SealsMissing`: its seal, or one that should be there.
 * - `SealMismatch`: an outside seal has the sequence number of this record, and is another line.
 * - `DamagedSeal`: an outside line looks like a seal, but was changed. `record` is 0: no record of the log is to blame.
 * - `Cut`: the log ends although an outside seal has a later sequence number.
 *
 * @category models
 */
export type Reason =
  | "Malformed"
  | "UnknownVersion"
  | "NotChained"
  | "Modified"
  | "Missing"
  | "Doubled"
  | "OutOfOrder"
  | "NotLinked"
  | "UnknownKey"
  | "WrongSignature"
  | "NotSealed"
  | "SealsMissing"
  | "SealMismatch"
  | "DamagedSeal"
  | "Cut"

/**
 * The first bad record of a log.
 *
 * @category models
 */
export class Problem extends Data.TaggedClass("Problem")<{
  readonly reason: Reason
  /** The number of the line, from 1 on, in all that the verifier was given; 0 in `DamagedSeal`. */
  readonly record: number
  /** The sequence number that belongs there, where it is known. */
  readonly seq: number | undefined
  readonly message: string
}> {}

/**
 * @category models
 */
export interface Report {
  readonly problem: Problem | undefined
  /** All lines, unchained ones included, up to the problem if there is one. */
  readonly records: number
  /** Lines before the first chained record: nothing protects them. */
  readonly unchained: number
  /** The sequence number of the first chained record. */
  readonly first: number | undefined
  /** The last chained record that was read. */
  readonly last: Head | undefined
  /** Up to which sequence number a checked signature covers the records. */
  readonly sealed: number | undefined
  readonly seals: number
  /** Chained records after the last seal. */
  readonly unsealed: number
  readonly tornBytes: number
}

/**
 * @category models
 */
export interface Options {
  /** Whose seals are valid. Without keys, signatures are not checked. */
  readonly keys?: ReadonlyArray<PublicKey>
  /** The lines kept in the second place. What does not look like a seal is ignored. */
  readonly outsideSeals?: Iterable<string>
}

/**
 * Reads one log, from its oldest line to its newest.
 *
 * @category models
 */
export interface Verifier {
  /** The next line, without its line feed. The first problem ends it: later calls return the same. */
  readonly line: (bytes: Uint8Array) => Problem | undefined
  /** After the last line. `tornBytes` is the length of what follows the last line feed. */
  readonly end: (options?: { readonly tornBytes?: number }) => Report
}

/**
 * A verifier for one log. Its memory does not grow with the log, and no line makes it throw.
 *
 * @category constructors
 */
export const verifier = (options: Options = {}): Verifier => {
  const keyById = new Map(options.keys?.map((key) => [key.id, key]))
  const checksSeals = keyById.size > 0
  const { damaged, heads: outside } = outsideHeads(options.outsideSeals ?? [])
  let nextOutside = 0

  let problem = damaged
  let records = 0
  let unchained = 0
  /** The last of them, as far as they are not JSON. */
  let pieces = 0

  let first: number | undefined
  let beforeFirst: string | undefined
  let head = genesis

  let seals = 0
  let unsealed = 0
  let sealed: number | undefined
  let promised = Number.POSITIVE_INFINITY
  /** The first record that retention left: as some record says, under keys one whose own seal signs it. */
  let left = 1

  const fail = (
    reason: Reason,
    what: string,
    at: { readonly record?: number; readonly seq?: number | undefined } = {}
  ) => {
    const { record = records, seq = first === undefined ? undefined : head.seq + 1 } = at
    const message = `Record ${record}${seq === undefined ? "" : ` (seq ${seq})`} ${what}`
    problem = new Problem({ reason, record, seq, message })
    return problem
  }

  const line = (bytes: Uint8Array): Problem | undefined => {
    if (problem !== undefined) return problem
    records++
    const tail = ChainLine.tailOf(bytes)
    if (tail === undefined) return takeWithoutTail(bytes)

    const hash = sha256(ChainLine.hashedPart(bytes))
    if (!ChainLine.endsWithHash(bytes, hash)) {
      return fail("Modified", "was modified: its bytes do not have the hash that it ends with", whole())
    }
    const misplaced = first === undefined ? begin(bytes, tail) : follow(bytes, tail, hash)
    if (misplaced !== undefined) return misplaced

    const before = head
    head = { seq: tail.seq, hash }
    return (
      checkOutside() ??
      (tail.mark?.seal === undefined ? takeUnsealed() : takeSeal(tail.mark.seal, before, tail.mark.trimmed)) ??
      takeTrimming(tail.mark)
    )
  }

  /** A line feed that is written into the first chained record leaves a piece like a line from before the chain. */
  const whole = () => (first === undefined ? { record: records - pieces } : {})

  const takeWithoutTail = (bytes: Uint8Array) => {
    const found = ChainLine.insteadOfTail(bytes)
    if (found === "damaged") return fail("Malformed", "is malformed: its chain is not what version 1 says", whole())
    if (found !== "none") {
      return fail("UnknownVersion", `has a chain of version ${found.version}: only version 1 is known here`)
    }
    if (first !== undefined) return fail("NotChained", "is not chained, unlike those before it")
    unchained++
    pieces = isJsonText(bytes) ? 0 : pieces + 1
    return undefined
  }

  const begin = (bytes: Uint8Array, tail: ChainLine.Tail) => {
    if (tail.seq > 1 && unchained > 0) return missing(1, tail.seq)
    if (tail.seq === 1 && !ChainLine.isLinkedTo(bytes, tail, genesis.hash)) {
      return fail("NotLinked", "is the first, and was linked to a record before it", { seq: 1 })
    }
    first = tail.seq
    beforeFirst = ChainLine.prevOf(bytes, tail)
    head = { seq: first - 1, hash: beforeFirst }
    return undefined
  }

  const follow = (bytes: Uint8Array, tail: ChainLine.Tail, hash: string) => {
    const expected = head.seq + 1
    if (tail.seq > expected) return missing(expected, tail.seq)
    if (hash === head.hash) return fail("Doubled", `is the one before it, seq ${head.seq}, again`)
    if (hash === beforeFirst) {
      return fail("OutOfOrder", "is out of order: the one before it comes later", { record: 1, seq: tail.seq })
    }
    if (tail.seq < expected) return fail("OutOfOrder", `is out of order: it has the seq ${tail.seq}`)
    if (!ChainLine.isLinkedTo(bytes, tail, head.hash)) {
      return fail("NotLinked", "was linked to another record than the one before it: one of the two was exchanged")
    }
    return undefined
  }

  const missing = (from: number, to: number) => {
    const what = to - from === 1 ? "is missing" : `and those up to seq ${to - 1} are missing`
    return fail("Missing", `${what}: the one in its place has the seq ${to}`, { seq: from })
  }

  const checkOutside = () => {
    for (let kept = outside[nextOutside]; kept !== undefined && kept.seq <= head.seq; kept = outside[++nextOutside]) {
      const differs = kept.seq === head.seq && kept.hash !== head.hash
      if (differs) return failHere("SealMismatch", "is not the seal that was kept outside")
    }
    return undefined
  }

  const takeSeal = ({ date, every, signatures }: Seal, before: Head, trimmed: Mark["trimmed"]) => {
    if (checksSeals) {
      const known = signatures.filter(({ key }) => keyById.has(key))
      if (known.length === 0) {
        const ids = signatures.map(({ key }) => key).join(", ")
        return failHere("UnknownKey", `is sealed, but not with a key given here: ${ids}`)
      }
      const text = signedText(before, every, date, trimmed)
      const wrong = known.find(({ key, signature }) => !keyById.get(key)!.verify(text, signature))
      if (wrong !== undefined) return failHere("WrongSignature", `has a seal that the key ${wrong.key} did not sign`)
      sealed = before.seq
    }
    seals++
    unsealed = 0
    promised = every
    return undefined
  }

  const takeUnsealed = () => {
    unsealed++
    if (unsealed > promised) {
      return failHere("SealsMissing", `should be a seal: at most ${promised} records lie between two of them`)
    }
    return undefined
  }

  /** Anyone can write that retention removed records, and let the application seal that with its next seal. */
  const takeTrimming = (mark: Mark | undefined) => {
    if (mark?.trimmed === undefined || (checksSeals && mark.seal === undefined)) return undefined
    left = Math.max(left, mark.trimmed.before)
    return undefined
  }

  /** The record is linked to those before, but they may have been exchanged together, back to the last good seal. */
  const failHere = (reason: Reason, what: string) =>
    fail(reason, sealed === undefined ? what : `${what}; nothing after seq ${sealed} is proven`, { seq: head.seq })

  const checkEnd = () => {
    const demanded = outside[nextOutside]
    if (demanded !== undefined) {
      const what = `is missing: the log ends before it, but a seal with the seq ${demanded.seq} was kept outside`
      return fail("Cut", what, { record: records + 1 })
    }
    if (records === 0) {
      return checksSeals
        ? fail("NotSealed", "is missing, and with it any seal: the log has no record", { record: 1 })
        : undefined
    }
    if (first === undefined) return fail("NotChained", "is not chained, and no other is", { record: 1 })
    if (first > left) {
      const which = first - left === 1 ? `seq ${left} is` : `seq ${left} to ${first - 1} are`
      const who = checksSeals ? "no seal" : "no record"
      const what = `is the first, and ${which} missing: ${who} says that retention removed so many`
      return fail("Missing", what, { record: 1, seq: first })
    }
    if (checksSeals && seals === 0) {
      return fail("NotSealed", "is not sealed, and no other is", { record: 1, seq: first })
    }
    return undefined
  }

  const end: Verifier["end"] = ({ tornBytes = 0 } = {}) => {
    problem ??= checkEnd()
    const last = first === undefined ? undefined : head
    return { problem, records, unchained, first, last, sealed, seals, unsealed, tornBytes }
  }

  return { line, end }
}

/** The seals among the lines, in the order of the log, and the first that was damaged: ignored, it would demand nothing. */
const outsideHeads = (lines: Iterable<string>) => {
  const heads: Array<Head> = []
  let damaged: Problem | undefined
  let number = 0
  for (const line of lines) {
    number++
    if (!isSeal(line)) continue
    const head = Option.getOrUndefined(headOf(line))
    if (head !== undefined) heads.push(head)
    else damaged ??= damagedSeal(number)
  }
  return { damaged, heads: heads.sort((a, b) => a.seq - b.seq) }
}

const damagedSeal = (number: number) =>
  new Problem({
    reason: "DamagedSeal",
    record: 0,
    seq: undefined,
    message: `Line ${number} of the outside seals is damaged: it looks like a seal, but its bytes do not have its hash`
  })

/** Since Node 20.12 there is a way without an object for each hash, which takes half the time. */
const sha256: (data: string | Uint8Array) => string =
  typeof Crypto.hash === "function"
    ? (data) => Crypto.hash("sha256", data)
    : (data) => Crypto.createHash("sha256").update(data).digest("hex")

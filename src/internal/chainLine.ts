/**
 * The form of a chained line, which ends with
 * `,"chain":{"v":1,"seq":12,"prev":"<64 digits>","hash":"<64 digits>"}}`, with a trimming, a seal or both, in this order, before
 * `hash`. It is read from the end, as bytes: lines are not decoded, and nothing that an event carries stands that far back.
 */

export interface Seal {
  /** UTC with milliseconds and `Z`. */
  readonly date: string
  /** The writer's promise: at most this many records follow before the next seal. */
  readonly every: number
  /** One for each key. */
  readonly signatures: ReadonlyArray<{ readonly key: string; readonly signature: string }>
}

export interface Trimming {
  readonly before: number
}

export type Mark =
  | { readonly trimmed?: Trimming | undefined; readonly seal: Seal }
  | { readonly trimmed: Trimming; readonly seal?: Seal | undefined }

export interface Tail {
  readonly seq: number
  /** Where the 64 digits of `prev` begin. */
  readonly prev: number
  readonly mark: Mark | undefined
}

const chainName = ',"chain":{"v":1,"seq":'
const prevName = ',"prev":"'
const hashName = ',"hash":"'
const lineEnd = '"}}'
const hashMemberLength = hashName.length + 64 + lineEnd.length

/** The line up to what is hashed. */
export const open = (line: string, seq: number, prev: string, mark: Mark | undefined): string =>
  `${line.slice(0, -1)}${chainName}${seq}${prevName}${prev}"${mark === undefined ? "" : markText(mark)}`

/** The whole line. */
export const close = (opened: string, hash: string): string => `${opened}${hashName}${hash}${lineEnd}`

const markText = ({ seal, trimmed }: Mark): string =>
  (trimmed === undefined ? "" : `,"trimmed":{"before":${trimmed.before}}`) + (seal === undefined ? "" : sealText(seal))

const sealText = ({ date, every, signatures }: Seal): string => {
  const members = signatures.map(({ key, signature }) => `{"key":"${key}","signature":"${signature}"}`)
  return `,"seal":{"date":"${date}","every":${every},"signatures":[${members.join(",")}]}`
}

/** What the hash of a line that has a tail is taken over. */
export const hashedPart = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length - hashMemberLength)

export const endsWithHash = (bytes: Uint8Array, hash: string): boolean =>
  isAt(bytes, bytes.length - lineEnd.length - 64, hash)

export const isLinkedTo = (bytes: Uint8Array, tail: Tail, hash: string): boolean => isAt(bytes, tail.prev, hash)

export const prevOf = (bytes: Uint8Array, tail: Tail): string => latin1(bytes, tail.prev, tail.prev + 64)

/** What a line that has a tail says that its hash is. */
export const hashOf = (bytes: Uint8Array): string =>
  latin1(bytes, bytes.length - lineEnd.length - 64, bytes.length - lineEnd.length)

export const hasFormOfSeal = (line: string): boolean =>
  line.endsWith(lineEnd) && line.startsWith(`]}${hashName}`, line.length - hashMemberLength - 2)

/** Whether a line may have a tail at all: most lines that have none end otherwise. */
export const mayHaveTail = (line: string): boolean =>
  line.endsWith(lineEnd) && line.startsWith(hashName, line.length - hashMemberLength)

/** More than any seal takes. Nothing is looked for further back. */
const longestTail = 16_384

/** What `chain` says, if it has the form of version 1. Whether the hash is right is another question. */
export const tailOf = (bytes: Uint8Array): Tail | undefined => {
  const end = bytes.length - hashMemberLength
  if (end < 0 || !isAt(bytes, end, hashName) || !isAt(bytes, bytes.length - lineEnd.length, lineEnd)) return undefined
  if (bytes[end - 1] !== quote) return markedTail(bytes, end)

  const prev = end - 65
  const seqEnd = prev - prevName.length
  if (!isHash(bytes, prev) || !isAt(bytes, seqEnd, prevName)) return undefined
  let seqStart = seqEnd
  while (seqStart > seqEnd - 15 && isDigit(bytes[seqStart - 1])) seqStart--
  if (seqStart === seqEnd || bytes[seqStart] === zero) return undefined
  if (!isAt(bytes, seqStart - chainName.length, chainName)) return undefined
  let seq = 0
  for (let at = seqStart; at < seqEnd; at++) seq = seq * 10 + bytes[at]! - zero
  return { seq, prev, mark: undefined }
}

/** Without leading zeros, and short enough for a double to hold it exactly. */
const number = "([1-9]\\d{0,14})"
const date = "(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z)"
const signature = '\\{"key":"[0-9a-f]{16}","signature":"[A-Za-z0-9+/]{86}=="\\}'
const signatures = `(\\[${signature}(?:,${signature})*\\])`

/** From the sequence number up to the hash. */
const marked = new RegExp(
  `^${number},"prev":"[0-9a-f]{64}"` +
    `(?:,"trimmed":\\{"before":${number}\\})?(?:,"seal":\\{"date":"${date}","every":${number},"signatures":${signatures}\\})?$`
)

const markedTail = (bytes: Uint8Array, end: number): Tail | undefined => {
  const start = Math.max(0, end - longestTail)
  const text = latin1(bytes, start, end)
  const chain = text.lastIndexOf(chainName)
  if (chain === -1) return undefined
  const match = marked.exec(text.slice(chain + chainName.length))
  if (match === null) return undefined
  const [, digits = "", before, date, every, signatures] = match
  const seq = Number(digits)
  const prev = start + chain + chainName.length + digits.length + prevName.length
  const trimmed = before === undefined ? undefined : { before: Number(before) }
  if (trimmed !== undefined && trimmed.before > seq) return undefined
  if (date !== undefined && signatures !== undefined) {
    const seal = { date, every: Number(every), signatures: JSON.parse(signatures) }
    return { seq, prev, mark: trimmed === undefined ? { seal } : { trimmed, seal } }
  }
  return trimmed === undefined ? undefined : { seq, prev, mark: { trimmed } }
}

/**
 * What a line without a tail has in place of one: the `chain` of another version, a damaged one, or none. A line that was
 * never chained ends with its `source`, so that what looks like a chain further ahead is the application's.
 */
export const insteadOfTail = (bytes: Uint8Array): "damaged" | "none" | { readonly version: string } => {
  const text = latin1(bytes, Math.max(0, bytes.length - longestTail), bytes.length)
  const end = text.slice(text.lastIndexOf('"source":') + 1)
  const version = /,"chain":\{"v":(\d{1,15})[,}]/.exec(end)?.[1]
  if (version !== undefined && version !== "1") return { version }
  return /"chain":\{"v":|"prev":"[0-9a-f]{64}|"hash":"[0-9a-f]{64}/.test(end) ? "damaged" : "none"
}

const quote = 0x22
const zero = 0x30

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= zero && byte <= 0x39

const isHash = (bytes: Uint8Array, at: number): boolean => {
  for (let i = at; i < at + 64; i++) {
    const byte = bytes[i]
    if (!isDigit(byte) && !(byte !== undefined && byte >= 0x61 && byte <= 0x66)) return false
  }
  return true
}

/** Whether an ASCII text is at this place. */
const isAt = (bytes: Uint8Array, at: number, text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false
  }
  return true
}

const latin1 = (bytes: Uint8Array, from: number, to: number): string => bufferOf(bytes, from, to).toString("latin1")

const bufferOf = (bytes: Uint8Array, from: number, to: number): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from)

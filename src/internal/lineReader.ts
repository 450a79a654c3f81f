/**
 * The lines in bytes, as bytes, many at a time: a log has millions, and an effect for each would cost more than all the rest.
 *
 * Memory does not grow with the input. A line longer than `maxLine` is counted and let go, for no record is as long: what an
 * event carries is limited to 2 Mi characters, which JSON writes with at most six bytes each, once in the details and once in
 * the message.
 */
import { Effect } from "effect"
import type { ByteSource, ReadError } from "./byteSource.js"

export const maxLine = 32 * 1024 * 1024

const pieceSize = 256 * 1024

export type Step =
  /** Whole lines, without their line feeds: views of memory that the next step overwrites. */
  { readonly _tag: "Lines"; readonly lines: Lines } | { readonly _tag: "TooLong"; readonly length: number }

/** Makes each view when it is asked for: those of a whole step would live long enough to be old to the garbage collector. */
export interface Lines extends Iterable<Uint8Array> {
  readonly length: number
}

export interface LineReader {
  /** Nothing at the end, for now: a file may have grown when it is asked again. */
  readonly next: Effect.Effect<Step | undefined, ReadError>
  /** What follows the last line feed. Its bytes are left out where they are more than a line may have. */
  readonly rest: () => { readonly length: number; readonly bytes: Uint8Array }
}

export const make = (source: ByteSource): LineReader => {
  let memory = new Uint8Array(pieceSize)
  // Read and not given out yet: memory from `start` to `end`. No line feed lies before `searched`.
  let start = 0
  let end = 0
  let searched = 0
  /** How much of a line that is too long is gone already. */
  let dropped = 0
  /** Where the lines of a step end. */
  let ends = new Uint32Array(pieceSize / 64)

  const take = (): Step | undefined => {
    const filled = memory.subarray(0, end)
    if (dropped > 0) {
      const at = filled.indexOf(lineFeed, searched)
      if (at === -1) {
        dropped += end - start
        start = searched = end
        return undefined
      }
      const length = dropped + at - start
      dropped = 0
      start = searched = at + 1
      return { _tag: "TooLong", length }
    }
    const from = start
    let length = 0
    for (let at = filled.indexOf(lineFeed, searched); at !== -1; at = filled.indexOf(lineFeed, start)) {
      if (length === ends.length) ends = grown(ends)
      ends[length++] = at
      start = at + 1
    }
    searched = end
    return length === 0 ? undefined : { _tag: "Lines", lines: viewsOf(filled, from, ends, length) }
  }

  const makeRoom = () => {
    const length = end - start
    if (length >= maxLine) {
      dropped = length
      start = end = searched = 0
      memory = new Uint8Array(pieceSize)
      return
    }
    let size = pieceSize
    while (size - length < pieceSize / 2) size *= 2
    const roomy = memory.length === size ? memory : new Uint8Array(size)
    if (roomy === memory) memory.copyWithin(0, start, end)
    else roomy.set(memory.subarray(start, end))
    memory = roomy
    searched -= start
    start = 0
    end = length
  }

  const next: Effect.Effect<Step | undefined, ReadError> = Effect.suspend(() => {
    const step = searched < end ? take() : undefined
    if (step !== undefined) return Effect.succeed(step)
    makeRoom()
    return Effect.flatMap(source.read(memory.subarray(end)), (count) => {
      end += count
      return count === 0 ? Effect.succeed(undefined) : next
    })
  })

  const rest = () => ({ length: dropped + end - start, bytes: dropped > 0 ? noBytes : memory.slice(start, end) })
  return { next, rest }
}

const viewsOf = (bytes: Uint8Array, from: number, ends: Uint32Array, length: number): Lines => ({
  length,
  *[Symbol.iterator]() {
    let start = from
    for (let nth = 0; nth < length; nth++) {
      const end = ends[nth]!
      yield bytes.subarray(start, end)
      start = end + 1
    }
  }
})

const grown = (array: Uint32Array<ArrayBuffer>) => {
  const larger = new Uint32Array(2 * array.length)
  larger.set(array)
  return larger
}

const lineFeed = 10
const noBytes = new Uint8Array(0)

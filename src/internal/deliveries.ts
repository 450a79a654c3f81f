/**
 * Which records of a chain came before, for a stream that may deliver some again: the last ones by their hashes, older ones by what
 * follows them. A record that is the same as before proves the one that it is linked to, and so on backwards: who delivers a batch
 * again, from wherever on, proves all of it by its end.
 */

/** What is kept of the end of each chain. */
const kept = 256

/** How many records may wait for a proof, in all chains together. */
export interface Patience {
  left: number
}

export const patience = (): Patience => ({ left: 100_000 })

export interface Link {
  readonly seq: number
  /** The hash of the record before it. */
  readonly prev: string
  readonly hash: string
}

export interface Deliveries {
  /** The next record of the chain. */
  readonly add: (seq: number, hash: string) => void
  /**
   * A record whose place was taken before: by the same one, by another one, or by one of which nothing is known any more, which may
   * be proven to be the same by what comes later. `"forgotten"` is what cannot be.
   */
  readonly again: (link: Link) => "same" | "other" | "unproven" | "forgotten"
  /** The first that is still to be proven. */
  readonly unproven: () => number | undefined
}

export const make = (patience: Patience): Deliveries => {
  const hashes = new Map<number, string>()
  const waiting = new Map<number, Link>()

  /** What is linked to from a record that is known. */
  const prove = ({ seq, prev }: Link) => {
    let hash = prev
    for (let at = seq - 1; waiting.get(at)?.hash === hash; at--) {
      hash = waiting.get(at)!.prev
      waiting.delete(at)
      patience.left++
    }
  }

  return {
    add: (seq, hash) => {
      hashes.set(seq, hash)
      hashes.delete(seq - kept)
    },
    again: (link) => {
      const known = hashes.get(link.seq) ?? waiting.get(link.seq)?.hash
      if (known !== undefined && known !== link.hash) return "other"
      if (hashes.has(link.seq)) {
        prove(link)
        return "same"
      }
      if (known !== undefined) return "unproven"
      if (patience.left === 0) return "forgotten"
      waiting.set(link.seq, link)
      patience.left--
      return "unproven"
    },
    unproven: () => {
      let first: number | undefined
      for (const seq of waiting.keys()) first = Math.min(first ?? seq, seq)
      return first
    }
  }
}

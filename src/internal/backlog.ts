/**
 * What waits to be written, in order and bounded. Of what is full, the caller says for each item what gives way: the one who
 * adds, the new item, or the oldest that was taken in on that condition.
 */

/** The position of an item: how many were taken in up to it. 0 says that it was not. */
export type Position = number

/**
 * What happens to an item where there is no room. `"suspend"`: it is taken in up to twice the capacity, and its producer should
 * wait. `"drop-new"`: it is not taken in. `"drop-old"`: the oldest item with that policy gives way to it.
 */
export type Policy = "suspend" | "drop-new" | "drop-old"

export interface Capacity {
  readonly items: number
  readonly size: number
}

export interface Backlog<A> {
  /** Takes an item in, or does not. A `kept` one never gives way, whatever its policy. */
  readonly offer: (item: A, size: number, policy: Policy, kept?: boolean) => Position
  /** Hands over all that waits. It counts as pending until it is released, and gives way to nothing any more. */
  readonly take: () => ReadonlyArray<A>
  readonly release: () => void
  /** What waits, without what was taken. */
  readonly waiting: () => ReadonlyArray<A>
  readonly hasWaiting: () => boolean
  /** Whether the capacity, or so many times as much, is reached. */
  readonly isFull: (times?: number) => boolean
  readonly pending: () => number
  /** The position of the newest item. */
  readonly last: () => Position
}

interface Entry<A> {
  readonly item: A
  readonly size: number
  /** How many steady items are before it. */
  readonly after: number
}

/** `onDropped` is told about each item that was not taken in or gave way. */
export const make = <A>(capacity: Capacity, onDropped: (item: A) => void): Backlog<A> => {
  // Apart, so that the oldest that may give way is found at once.
  let steady: Array<A> = []
  let yielding: Array<Entry<A>> = []
  /** Those before it in `yielding` have given way. */
  let head = 0
  let yieldingSize = 0
  let pending = 0
  let pendingSize = 0
  let taken = 0
  let takenSize = 0
  let last: Position = 0

  const isBeyond = (items: number, size: number, times: number) =>
    items >= capacity.items * times || size >= capacity.size * times
  const isFull = (times = 1) => isBeyond(pending, pendingSize, times)

  const giveWay = (): number => {
    const { item, size } = yielding[head]!
    head++
    // Now and then, so that it costs each item the same and what is gone is not kept for long.
    if (head * 2 >= yielding.length) {
      yielding.splice(0, head)
      head = 0
    }
    yieldingSize -= size
    pending--
    pendingSize -= size
    onDropped(item)
    return size
  }

  const makeRoom = (size: number, times: number): boolean => {
    const count = yielding.length - head
    // Nothing gives way in vain.
    const suffices = yieldingSize >= size || !isBeyond(pending - count, pendingSize - yieldingSize, times)
    if (count === 0 || !suffices) return false
    let freed = 0
    do freed += giveWay()
    while (freed < size && isFull(times))
    return true
  }

  const hasRoom = (size: number, policy: Policy): boolean => {
    const times = policy === "suspend" ? 2 : 1
    return !isFull(times) || (policy !== "drop-new" && makeRoom(size, times))
  }

  const waiting = () => inOrder(steady, yielding, head)

  return {
    offer: (item, size, policy, kept = false) => {
      if (!hasRoom(size, policy)) {
        onDropped(item)
        return 0
      }
      pending++
      pendingSize += size
      if (policy === "drop-old" && !kept) {
        yielding.push({ item, size, after: steady.length })
        yieldingSize += size
      } else {
        steady.push(item)
      }
      return ++last
    },
    take: () => {
      const items = waiting()
      steady = []
      yielding = []
      head = 0
      yieldingSize = 0
      taken = pending
      takenSize = pendingSize
      return items
    },
    release: () => {
      pending -= taken
      pendingSize -= takenSize
      taken = 0
      takenSize = 0
    },
    waiting,
    hasWaiting: () => steady.length > 0 || yielding.length > head,
    isFull,
    pending: () => pending,
    last: () => last
  }
}

const inOrder = <A>(steady: ReadonlyArray<A>, yielding: ReadonlyArray<Entry<A>>, head: number): ReadonlyArray<A> => {
  if (yielding.length === head) return steady
  const items: Array<A> = []
  let next = 0
  for (const { item, after } of yielding.slice(head)) {
    while (next < after) items.push(steady[next++]!)
    items.push(item)
  }
  while (next < steady.length) items.push(steady[next++]!)
  return items
}

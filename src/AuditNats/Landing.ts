/**
 * Landing: what was delivered is handed to the store, instance by instance and in the order of the stream, and acknowledged once it is
 * there.
 *
 * The store decides. It takes a record once however often it comes, and none before the one ahead of it. What comes too early, because
 * another program has that one in its hands or had it when it died, waits here for a moment; then it is read from the stream,
 * which has everything. So it is never the delivery on which a record depends. What can never land is said as an error, and not
 * delivered again: it stays in the stream, and what comes after it of the same instance does as well; the other instances go on.
 */
import { Array as Arr, Clock, Duration, Effect, Either, Random } from "effect"
import { AuditStoreError, type Service as Store } from "../AuditStore.js"
import * as Say from "../internal/say.js"
import * as Cargo from "./Cargo.js"
import * as Chain from "./Chain.js"
import * as Gap from "./Gap.js"
import * as Message from "./Message.js"
import type { Delivery } from "./Pull.js"
import type { Reader } from "./Trail.js"

export interface Landing {
  /** Takes deliveries into its hands. What carries no records is answered at once. */
  readonly take: (deliveries: Iterable<Delivery>) => Effect.Effect<void>
  /** Hands what is due to the store. Fails where the store cannot be used: everything that has not landed is kept. */
  readonly land: Effect.Effect<void, AuditStoreError>
  /** How much it has in its hands: the weights of all messages. */
  readonly weight: () => number
  /** How many milliseconds until something is due; none where nothing waits. */
  readonly wait: Effect.Effect<number | undefined>
  /** Gives back what has not landed. */
  readonly release: Effect.Effect<void>
}

export interface Account {
  readonly landed: (records: number) => void
  readonly rejected: (messages: number) => void
}

/** How long something that is too early waits for those who may have the records before it. */
const patience = Duration.toMillis("3 seconds")
const shortestPause = 25
const longestPause = 500
/** How long a chain that the store refuses rests at most, between two attempts. */
const longestRest = 10_000
/** How long an instance whose chain is broken is believed to be. */
const brokenFor = Duration.toMillis("1 minute")
/** After so many refusals and so long, while others are taken, the store is believed not to take it. */
const mostRefusals = 5
const longestRefusal = Duration.toMillis("30 seconds")
/** When what there is no room for comes again. */
const later = Duration.toMillis("10 seconds")

/** `limit` is the weight with which its hands are full. */
export const make = (trail: Reader, store: Store, account: Account, limit: number): Landing => {
  const hands = new Map<string, Cargo.Chained>()
  /** Instances whose chain is broken, and since when. */
  const broken = new Map<string, number>()
  /** How often in a row the store has failed. */
  let failures = 0
  /** How many messages the store has taken. */
  let stored = 0

  const weight = () =>
    [...hands.values()].flatMap(({ cargo }) => cargo).reduce((sum, { delivery }) => sum + delivery.weight, 0)

  const takeOne = (delivery: Delivery) =>
    Effect.gen(function* () {
      const { instance, message, sequence } = delivery
      if (instance === "") return yield* reject([delivery], "its subject names no instance")
      // Whoever has its last part reads it from the stream.
      if (Either.isRight(message) && !Message.endsRecord(message)) return delivery.acknowledge()
      const { problem, records } = yield* Chain.recordsOf(trail, delivery)
      if (!Arr.isNonEmptyReadonlyArray(records)) return yield* reject([delivery], problem ?? "it holds no record")
      if (problem !== undefined) {
        account.rejected(1)
        yield* say([delivery], `${problem}; what comes before that is`)
      }
      let chain = hands.get(instance)
      if (chain === undefined)
        hands.set(
          instance,
          (chain = { instance, cargo: [], early: undefined, refusals: 0, refused: 0, isThin: false, due: 0 })
        )
      if (chain.isThin && sequence > (chain.cargo[0]?.delivery.sequence ?? Infinity)) {
        return delivery.release(later)
      }
      // It comes again when it was not answered for long. Then that delivery is the one to be answered.
      chain.cargo = chain.cargo.filter(({ delivery }) => delivery.sequence !== sequence)
      chain.cargo.push({ delivery, records })
      chain.cargo.sort((a, b) => a.delivery.sequence - b.delivery.sequence)
    })

  const say = (deliveries: ReadonlyArray<Delivery>, why: string) => {
    const [first, last] = [deliveries[0]!, deliveries.at(-1)!]
    const which =
      deliveries.length === 1
        ? `The message ${first.sequence} of the stream '${trail.stream}' is`
        : `${deliveries.length} messages of the stream '${trail.stream}', from ${first.sequence} to ${last.sequence}, are`
    const whose = first.instance === "" ? "" : ` of '${first.instance}'`
    return Say.error(`${which} not stored${whose}, and kept in the stream: ${why}`)
  }

  const reject = (deliveries: ReadonlyArray<Delivery>, why: string) =>
    Effect.zipRight(
      say(deliveries, why),
      Effect.sync(() => {
        for (const delivery of deliveries) delivery.terminate()
        account.rejected(deliveries.length)
      })
    )

  /** What comes after it is not waited for, for a while. */
  const breakOff = (chain: Cargo.Chained, cargo: ReadonlyArray<Cargo.Cargo>, why: string) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      broken.set(chain.instance, now)
      return rejectCargo(chain, cargo, why)
    })

  const rejectCargo = (chain: Cargo.Chained, cargo: ReadonlyArray<Cargo.Cargo>, why: string) => {
    drop(chain, cargo)
    return reject(
      cargo.map(({ delivery }) => delivery),
      why
    )
  }

  /** They are no longer in our hands. */
  const drop = (chain: Cargo.Chained, cargo: ReadonlyArray<Cargo.Cargo>) => {
    chain.cargo = chain.cargo.filter((each) => !cargo.includes(each))
    chain.early = undefined
    chain.refusals = 0
    chain.isThin = false
    if (chain.cargo.length === 0) hands.delete(chain.instance)
  }

  const landed = (chain: Cargo.Chained, cargo: ReadonlyArray<Cargo.Cargo>) => {
    drop(chain, cargo)
    broken.delete(chain.instance)
    stored += cargo.length
    for (const { delivery, records } of cargo) {
      delivery.acknowledge()
      account.landed(records.length)
    }
  }

  /** A store that breaks over some records must not keep the others from it. */
  const careful: Pick<Store, "append" | "ends"> = {
    ends: store.ends,
    append: (records) =>
      Effect.catchAllDefect(store.append(records), (cause) =>
        Effect.fail(
          new AuditStoreError({
            store: store.name,
            reason: "Unavailable",
            description: "it broke: see the cause",
            cause
          })
        )
      )
  }

  const append = (cargo: ReadonlyArray<Cargo.Cargo>): Effect.Effect<void, AuditStoreError> => {
    const records = cargo.flatMap(({ records }) => records)
    return Arr.isNonEmptyReadonlyArray(records) ? careful.append(records) : Effect.void
  }

  /** Everything that is due, as one batch. Where that is refused, one chain after the other. */
  const land: Landing["land"] = Effect.gen(function* () {
    while (true) {
      const now = yield* Clock.currentTimeMillis
      const due = [...hands.values()].filter((chain) => chain.due <= now)
      if (due.length === 0) return
      const runs = due.map((chain) => ({ chain, cargo: Cargo.runOf(chain.cargo) }))
      const exit = yield* Effect.either(append(runs.flatMap(({ cargo }) => cargo)))
      if (Either.isRight(exit)) {
        failures = 0
        for (const { cargo, chain } of runs) landed(chain, cargo)
      } else if (Gap.isOfChain(exit.left) || ++failures > 2) {
        yield* oneByOne(due)
      } else {
        return yield* exit.left
      }
    }
  })

  const oneByOne = (due: ReadonlyArray<Cargo.Chained>) =>
    Effect.gen(function* () {
      const before = stored
      const refused: Array<readonly [Cargo.Chained, AuditStoreError]> = []
      for (const chain of due) {
        const exit = yield* Effect.either(landChain(chain))
        if (Either.isLeft(exit)) refused.push([chain, exit.left])
      }
      const [first] = refused
      if (first === undefined) return void (failures = 0)
      if (stored === before) {
        // It can be read: maybe it refuses only these, and nothing else is here that it would take.
        const isReadable = first[1].reason === "Unavailable" && (yield* Effect.isSuccess(store.ends(first[0].instance)))
        if (isReadable) for (const [chain] of refused) thin(chain)
        return yield* first[1]
      }
      for (const [chain, error] of refused) yield* refuse(chain, error)
    })

  /** Where its hands are full of it, keeps its first message: the others come later, or those of other instances would have no room. */
  const thin = (chain: Cargo.Chained) => {
    if (weight() < limit) return
    for (const { delivery } of chain.cargo.slice(1)) delivery.release(later)
    chain.cargo = chain.cargo.slice(0, 1)
    chain.isThin = true
  }

  /** It may be a passing trouble that has hit only this one. Once the store takes a later record, everything before that comes as well. */
  const refuse = (chain: Cargo.Chained, error: AuditStoreError) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      if (chain.refusals === 0) chain.refused = now
      if (error.reason === "Unavailable") chain.refusals++
      if (chain.refusals >= mostRefusals && now - chain.refused >= longestRefusal) {
        return yield* breakOff(chain, chain.cargo, `the store refuses it again and again (${error.message})`)
      }
      thin(chain)
      yield* postpone(chain, chain.refusals + 3, longestRest)
    })

  const rejectFirst = (chain: Cargo.Chained, why: string) => rejectCargo(chain, chain.cargo.slice(0, 1), why)

  /** Fails only where the store does. */
  const landChain = (chain: Cargo.Chained): Effect.Effect<void, AuditStoreError> =>
    Effect.gen(function* () {
      const cargo = Cargo.runOf(chain.cargo)
      const exit = yield* Effect.either(append(cargo))
      if (Either.isRight(exit)) return landed(chain, cargo)
      if (exit.left.reason === "Missing") return yield* tooEarly(chain)
      if (exit.left.reason !== "Forked") return yield* exit.left
      if (cargo.length === 1) return yield* rejectFirst(chain, exit.left.description)
      // Only some of them may be of another chain.
      for (const each of cargo) {
        const exit = yield* Effect.either(append([each]))
        if (Either.isRight(exit)) landed(chain, [each])
        else if (exit.left.reason === "Forked") yield* rejectFirst(chain, exit.left.description)
        else if (exit.left.reason === "Missing") return yield* tooEarly(chain)
        else return yield* exit.left
      }
    })

  const tooEarly = (chain: Cargo.Chained) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      if (now - (broken.get(chain.instance) ?? -Infinity) < brokenFor) {
        return yield* rejectCargo(chain, Cargo.runOf(chain.cargo), "its chain is broken")
      }
      const waited = now - (chain.early ??= now)
      if (waited < patience) return yield* postpone(chain, Math.log2(1 + waited / shortestPause))
      const [first] = chain.cargo
      if (first === undefined) return
      const { instance, sequence } = first.delivery
      const gap = yield* Gap.fill(trail, careful, { instance, sequence, seq: first.records[0].seq })
      if (gap !== undefined) yield* breakOff(chain, Cargo.runOf(chain.cargo), `its chain is broken: ${gap}`)
    })

  const postpone = (chain: Cargo.Chained, attempts: number, longest = longestPause) =>
    Effect.gen(function* () {
      const pause = Math.min(longest, shortestPause * 2 ** attempts)
      chain.due = (yield* Clock.currentTimeMillis) + pause * (yield* Random.nextRange(0.5, 1))
    })

  return {
    take: (deliveries) =>
      Effect.forEach(
        deliveries,
        // The parts of a record could not be read: it comes again.
        (delivery) => Effect.catchAll(takeOne(delivery), () => Effect.sync(() => delivery.release())),
        { discard: true }
      ),
    land,
    weight,
    wait: Effect.map(Clock.currentTimeMillis, (now) =>
      hands.size === 0 ? undefined : Math.max(0, Math.min(...[...hands.values()].map(({ due }) => due)) - now)
    ),
    release: Effect.sync(() => {
      for (const { cargo } of hands.values()) for (const { delivery } of cargo) delivery.release()
      hands.clear()
    })
  }
}

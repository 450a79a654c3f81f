/** Chains, as tests make them and look at them. */
import { Array as Arr, Effect, Either, Stream } from "effect"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import * as AuditStore from "../../src/AuditStore.js"

export const chained = (
  contents: ReadonlyArray<Partial<AuditRecord.Contents>>,
  instance = "a",
  from = AuditChain.genesis
) => {
  let head = from
  return contents.map((given) => {
    const record = AuditRecord.make({ ...plain, ...given })
    const linked = AuditChain.link(head, record.line)
    head = linked.head
    return Either.getOrThrow(AuditStore.fromLine(instance, linked.line))
  })
}

export const plain: AuditRecord.Contents = {
  level: "INFO",
  date: "2024-01-31T12:00:00.000Z",
  message: "ada has read the key a",
  event: { type: "keys-read", details: { user: "ada" } },
  source: "test"
}

export const nonEmpty = <A>(all: ReadonlyArray<A>): Arr.NonEmptyReadonlyArray<A> => {
  if (!Arr.isNonEmptyReadonlyArray(all)) throw new Error("There is nothing")
  return all
}

export const seqs = (records: ReadonlyArray<AuditStore.StoredRecord>) => records.map(({ seq }) => seq)

export const allOf = (store: AuditStore.Service, instance: string) =>
  Stream.runCollect(store.chain(instance)).pipe(Effect.map(Arr.fromIterable))

/** The chain of an instance as the verifier sees it. */
export const verified = (store: AuditStore.Service, instance: string) =>
  Effect.map(allOf(store, instance), (records) => {
    const verifier = AuditChain.verifier()
    for (const { record } of records) verifier.line(Buffer.from(record.line))
    return verifier.end()
  })

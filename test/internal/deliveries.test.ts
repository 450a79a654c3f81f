import { assert, it } from "@effect/vitest"
import * as Deliveries from "../../src/internal/deliveries.js"

const link = (seq: number, hash = `hash-${seq}`) => ({ seq, hash, prev: `hash-${seq - 1}` })

const after = (count: number, patience = Deliveries.patience()) => {
  const deliveries = Deliveries.make(patience)
  for (let seq = 1; seq <= count; seq++) deliveries.add(seq, `hash-${seq}`)
  return deliveries
}

it("knows the last ones", () => {
  const deliveries = after(300)
  assert.strictEqual(deliveries.again(link(300)), "same")
  assert.strictEqual(deliveries.again(link(45)), "same")
  assert.strictEqual(deliveries.again(link(45, "other")), "other")
  assert.strictEqual(deliveries.unproven(), undefined)
})

it("waits for the proof of older ones, as long as their links lead", () => {
  const deliveries = after(300)
  for (const seq of [10, 11, 13]) assert.strictEqual(deliveries.again(link(seq)), "unproven")
  assert.strictEqual(deliveries.unproven(), 10)
  for (let seq = 14; seq <= 45; seq++) deliveries.again(link(seq))
  // 12 is not there to lead further back.
  assert.strictEqual(deliveries.unproven(), 10)
  for (let seq = 12; seq <= 45; seq++) deliveries.again(link(seq))
  assert.strictEqual(deliveries.unproven(), undefined)
})

it("waits for so many only, in all chains together", () => {
  const patience = { left: 2 }
  const one = after(300, patience)
  const other = after(300, patience)
  assert.strictEqual(one.again(link(44)), "unproven")
  assert.strictEqual(other.again(link(1)), "unproven")
  assert.strictEqual(other.again(link(2)), "forgotten")
  // What is proven makes room.
  assert.strictEqual(one.again(link(45)), "same")
  assert.strictEqual(other.again(link(2)), "unproven")
})

// Rounds of several contestants, in turns.
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { ended, fork, message } from "./processes.mjs"
import { step } from "./progress.mjs"

/** Nobody is always the first one, on a processor that has rested, nor always behind the same one. */
const turns = (contestants, round) => {
  const first = (round - 1) % contestants.length
  return [...contestants.slice(first), ...contestants.slice(0, first)]
}

/**
 * Measures each contestant once a round, and begins each round with the next one. A disturbed measurement is dropped and repeated at once, so that it still stands
 * beside those of its round: for each contestant as often as there are rounds.
 */
export const interleave = async ({ title, contestants, rounds }, once) => {
  const measured = Object.entries(contestants).map(([key, contestant]) => [
    key,
    { ...contestant, rounds: [], dropped: 0 }
  ])
  for (let round = 1; round <= rounds; round++) {
    for (const [key, contestant] of turns(measured, round)) {
      const say = (note) => step(`${title}, round ${round} of ${rounds}: ${contestant.name}${note}`)
      say("")
      let result = await once(contestant, key)
      while (result.disturbed && contestant.dropped < rounds) {
        contestant.dropped++
        say(", again: something else used the machine")
        await sleep(500)
        result = await once(contestant, key)
      }
      contestant.rounds.push(result)
    }
  }
  return Object.fromEntries(measured)
}

/** One round of a contestant of a module in `work`, in a process of its own. It is given the arguments as well. */
export const inChild =
  (work, folder, args = []) =>
  async (contestant, key) => {
    const child = fork(join(import.meta.dirname, "child.mjs"), [work, key, folder, ...args], contestant.execArgv)
    const result = await message(child)
    // It ends by itself, and must not be there any more when the next one is measured.
    await ended(child)
    return result
  }

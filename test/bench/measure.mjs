// One round: how long it took, what CPU time it took, and whether anybody else was using the machine.
import { availableParallelism, cpus, loadavg } from "node:os"

/** More than this, in cores, is not noise of the kernel's book-keeping. */
export const foreignLimit = 0.2
/** A round keeps up to three threads busy: the server's, the load generator's, and one that writes. */
export const loadLimit = Math.max(3, availableParallelism())

/** In microseconds. */
export const cpuOf = ({ user, system }) => user + system
export const ownCpu = () => cpuOf(process.cpuUsage())
const machineCpu = () => cpus().reduce((sum, { times }) => sum + 1000 * (times.user + times.nice + times.sys), 0)

/**
 * `work` resumes with how much it did, and with its time in seconds where that is not all the time it took. The first of
 * the processes is the one that is measured; the others belong to the round as well.
 */
export const measure = async (work, processes) => {
  const machineBefore = machineCpu()
  const before = await Promise.all(processes.map((cpu) => cpu()))
  const start = performance.now()
  const { count, seconds } = await work()
  const after = await Promise.all(processes.map((cpu) => cpu()))
  const wall = (performance.now() - start) / 1000
  const used = after.map((cpu, index) => cpu - before[index])
  const foreign = (machineCpu() - machineBefore - used.reduce((sum, cpu) => sum + cpu)) / 1e6 / wall
  return {
    rate: count / (seconds ?? wall),
    cpu: used[0] / count,
    disturbed: foreign > foreignLimit || loadavg()[0] > loadLimit,
    generatorBusy: used.length > 1 && used[1] / 1e6 / wall > 0.95
  }
}

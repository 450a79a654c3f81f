// One round: how long it took, what CPU time it took, and whether anybody else was using the machine.
import { readFileSync } from "node:fs"
import { cpus } from "node:os"

/** More than this, in cores, is not noise of the kernel's book-keeping. */
export const foreignLimit = 0.2

/** In microseconds. */
export const cpuOf = ({ user, system }) => user + system
export const ownCpu = () => cpuOf(process.cpuUsage())

/** What all processes have used and, where Linux tells it, what other virtual machines have taken away. */
export const machineCpu = () =>
  cpus().reduce((sum, { times }) => sum + 1000 * (times.user + times.nice + times.sys), stolenCpu())

const stolenCpu = () => {
  try {
    // "cpu user nice system idle iowait irq softirq steal …", in hundredths of a second.
    return Number(readFileSync("/proc/stat", "utf8").split(/\s+/, 9)[8]) * 10_000
  } catch {
    return 0
  }
}

/** Whether others have used the machine since `before`, beside the microseconds that are accounted for. */
export const isDisturbed = (before, used, seconds) => (machineCpu() - before - used) / 1e6 / seconds > foreignLimit

/** Says of a part of the work what it took: seconds, and microseconds of CPU time. */
export const stopwatch = () => {
  const [start, before] = [performance.now(), ownCpu()]
  return () => ({ seconds: (performance.now() - start) / 1000, cpu: ownCpu() - before })
}

/**
 * `work` resumes with how much it did, with what that took where it did other things as well, with the CPU time that processes
 * `elsewhere` have spent for it, such as a database's, and with whatever else it measured. The first of the processes is the one
 * that is measured; the others belong to the round as well.
 */
export const measure = async (work, processes) => {
  const machineBefore = machineCpu()
  const before = await Promise.all(processes.map((cpu) => cpu()))
  const start = performance.now()
  const { count, seconds, cpu, elsewhere = 0, ...others } = await work()
  const after = await Promise.all(processes.map((cpu) => cpu()))
  const wall = (performance.now() - start) / 1000
  const used = after.map((cpu, index) => cpu - before[index])
  const all = used.reduce((sum, cpu) => sum + cpu, elsewhere)
  return {
    rate: count / (seconds ?? wall),
    /** Microseconds for one. */
    time: ((seconds ?? wall) * 1e6) / count,
    cpu: (cpu ?? used[0]) / count,
    ...others,
    disturbed: isDisturbed(machineBefore, all, wall),
    generatorBusy: used.length > 1 && used[1] / 1e6 / wall > 0.95
  }
}

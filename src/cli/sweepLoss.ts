import { acquire, createModel } from "../node.ts";
import { Stop, exitCodes } from "./exitCodes.ts";
import { reachOf } from "./halving.ts";
import { grouped } from "./numbers.ts";
import { rankNetworks } from "./sweepRanking.ts";
import { type SweepSession, optionsOf } from "./sweepSession.ts";
import { type Outcome, type Session, recordOf, resumeHint, save } from "./training.ts";

/**
 * After the GPU was lost: ranks the networks on the CPU as they were when they were copied last, and saves the best.
 * @throws Stop, always: nothing more can be reported
 */
export async function saveAfterLoss(session: SweepSession, { last, lost }: Outcome): Promise<never> {
  const { flags, model, output, plan, prepared } = session;
  const { network, members, checkpoint } = model;
  const { step, parameters } = checkpoint!; // `runTraining` tells of a loss only where there is one
  const device = await acquire({ device: "reference" });
  const copies = await createModel(network, { device, members, parameters });
  const { losses } = await copies.evaluate(prepared.validation ?? prepared.training);
  const [winner] = (await rankNetworks(copies, prepared, { losses, reach: reachOf(model.halving) }, 1)).ranking;
  if (winner === undefined || !Number.isFinite(losses[winner])) throw lost!;
  const own: Session = { ...session, model: await copies.pick(winner), options: optionsOf(flags, plan, winner) };
  const written = await save(own, { last: last && { ...last, step }, finished: false }, session);
  output.result("saved", `${written}, member ${winner}`);
  const exitCode = exitCodes.gpuLost[0];
  const record = { ...(await recordOf(session, { last, finished: false })), winner, exitCode };
  output.record({ command: "sweep", ...record });
  throw new Stop(
    `${lost!.message}; the best network after step ${grouped(step)} is in ${session.file.path}${resumeHint(session)}`,
    exitCode,
  );
}

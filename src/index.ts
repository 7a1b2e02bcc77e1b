// The public face: exports only.

export * from "./errors.ts";
export {
  type ActivationStorage,
  activationStorages,
  type Dataset,
  type FloatArray,
  type Strategy,
  type StrategyName,
  strategyNames,
  type PerMember,
  type PlanReport,
  type MemberResults,
  type Scores,
  type Trace,
  type Checkpoint,
  type EarlyStoppingState,
  type PlateauState,
  type HalvingState,
  type Fingerprint,
} from "./backend/executor.ts";
export { isCheckpoint } from "./backend/isCheckpoint.ts";
export { acquire } from "./backend/acquire.ts";
export {
  type AcquireOptions,
  type Device,
  type DeviceChoice,
  deviceChoices,
  type DeviceDetails,
} from "./backend/device.ts";
export type { DeviceKind } from "./backend/deviceKind.ts";
export type { Graph, GraphNode, ParameterShape, ReductionName } from "./graph/graph.ts";
export {
  type AnyNetwork,
  asChain,
  describeArchitecture,
  type GraphNetwork,
  type GraphOptions,
  type LayersOptions,
  network,
  parametersOf,
} from "./graph/graphNetwork.ts";
export {
  activate,
  concat,
  dropout,
  gaussianNoise,
  embedding,
  type EmbeddingOptions,
  fourierFeatures,
  layerNorm,
  residual,
} from "./graph/layers.ts";
export type { Layer, ParameterStarts, Vector } from "./graph/vector.ts";
export { defaultInitializer, initialize, type InitializerName, initializerNames } from "./graph/initializers.ts";
export * as math from "./math.ts";
export type { Definition } from "./math/definition.ts";
export type { Finding } from "./math/checkFunction.ts";
export { activation, checkActivation, checkLoss, loss } from "./math/ownFunction.ts";
export {
  type Activation,
  type ActivationName,
  activationNames,
  type BuiltInNetwork,
  dense,
  type DenseLayer,
  type LayerShape,
  type Loss,
  type LossName,
  lossNames,
  nameOf,
  type Network,
  type NetworkOptions,
  type OwnActivation,
  type OwnLoss,
  takesLogits,
  widthsOf,
} from "./graph/network.ts";
export {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  createOptimizer,
  hyperParameterDefaults,
  lbfgs,
  lion,
  muon,
  nadam,
  type Optimizer,
  type OptimizerName,
  optimizerNames,
  type OptionsOf,
  rmsProp,
  sgd,
} from "./math/optimizer.ts";
export type { DecayGroup } from "./math/aroundUpdate.ts";
export { type Average, ema, swa } from "./math/average.ts";
export { optimizer, type OptimizerOptions } from "./math/ownOptimizer.ts";
export {
  constant,
  cosine,
  cosineRestarts,
  exponential,
  linear,
  multiStep,
  oneCycle,
  ownSchedule,
  piecewise,
  polynomial,
  type Schedule,
  scheduleFunction,
  type SchedulePiece,
  scheduleNames,
  step,
  warmUp,
} from "./math/schedule.ts";
export type { ScheduleOption } from "./model/scheduleOption.ts";
export type { HyperParameterOptions } from "./math/hyperParameters.ts";
export type { EpochPoint, FitOptions, FitResult, History, ValidationPoint } from "./model/history.ts";
export type { MetricName } from "./metrics/metrics.ts";
export type { MetricOptions, MetricScores } from "./model/measure.ts";
export type { Evaluation } from "./model/metrics.ts";
export { streams, uniformAt } from "./random.ts";
export { createModel, crossValidate, type LoadOptions, loadModel } from "./model/createModel.ts";
export type {
  CrossValidated,
  CrossValidation,
  CrossValidationOptions,
  ValidatedSetting,
} from "./model/crossValidation.ts";
export type { Model, ModelOptions } from "./model/model.ts";
export type { StoppingResult } from "./model/earlyStopper.ts";
export type { EarlyStopping } from "./model/earlyStopping.ts";
export type { MonitoredMetric } from "./model/monitor.ts";
export type { PlateauResult, Reductions } from "./model/plateaus.ts";
export type { ReduceOnPlateau } from "./model/reduceOnPlateau.ts";
export type { HalvingResult } from "./model/halver.ts";
export { type Halving, hyperbandMembers, type Rung } from "./model/halving.ts";
export { type ClassWeights, type LabelOptions } from "./model/trainingRows.ts";
export {
  type CheckpointOptions,
  defaultEpochs,
  type LogInterval,
  type TrainingControls,
  type TrainOptions,
} from "./model/options.ts";
export type { Mixup } from "./model/mixup.ts";
export { latinHypercube } from "./model/latinHypercube.ts";
export { bestMembers, type Ensemble } from "./model/population.ts";
export type { Recovery } from "./model/recovery.ts";
export type { Progress } from "./model/progress.ts";
export type { SaveExtras } from "./model/savedModel.ts";
export { type Verification, type VerifyRequest, verifyTraining } from "./model/verify.ts";
export { type SelfTestCheck, type SelfTestReport, selfTest } from "./model/selfTest.ts";

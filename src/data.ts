// Tables and files: rows to datasets, models to safetensors and back. Apart from the core, which needs neither.

export { closestName } from "./closest.ts";
export {
  type EncodeOptions,
  type EncodedInputs,
  type EncodedTable,
  encodeInputs,
  encodeTable,
} from "./data/applyPreprocessing.ts";
export { type ColumnKind, type ColumnOptions, type IgnoredColumn, columnKinds } from "./data/chooseColumns.ts";
export type { DateForm } from "./data/dates.ts";
export { type CategoryEncoding, categoryEncodings, inputLayers } from "./data/embeddings.ts";
export type { UnseenValue } from "./data/encode.ts";
export { type MissingCells, missingCellsChoices } from "./data/missingCells.ts";
export {
  type ClassPredictions,
  type NumberPredictions,
  type Predictions,
  roundPrediction,
  toPredictions,
} from "./data/predictions.ts";
export { type PrepareOptions, type Prepared, type TableReport, prepare } from "./data/prepare.ts";
export {
  type CategoryColumn,
  type ClassTarget,
  type Cycle,
  type DateColumn,
  type InputColumn,
  type NumberColumn,
  type NumberTarget,
  type Preprocessing,
  type Target,
  inputNames,
  inputWidth,
  outputWidth,
  targetNames,
} from "./data/preprocessing.ts";
export type { Labels } from "./data/spelling.ts";
export type { Task } from "./data/task.ts";
export {
  type ClassScore,
  type NumberScore,
  type PredictionScore,
  requireMetrics,
  type ScoreOptions,
  scorePredictions,
} from "./data/scores.ts";
export { type MetricName, metricNames } from "./metrics/metrics.ts";
export { tableFromRows } from "./data/rowObjects.ts";
export { type ReadOptions, readTable } from "./data/readTable.ts";
export type { ReadProgress, SliceOptions } from "./data/slices.ts";
export type { Cell, Column, Table } from "./data/table.ts";
export {
  type ModelToSave,
  type SavedModel,
  decodeModel,
  decodeModelHeader,
  encodeModel,
  modelHeaderBytes,
} from "./formats/modelFile.ts";
export {
  type CheckpointToSave,
  type SavedCheckpoint,
  checkpointParts,
  decodeCheckpoint,
  encodeCheckpoint,
} from "./formats/checkpointFile.ts";
export { initialParameters } from "./formats/imported/initialParameters.ts";
export { importModel, type ImportOptions, isForeignModel, openModel } from "./formats/imported/importModel.ts";
export type { ImportedModel } from "./formats/imported/networkDraft.ts";
export type { ModelMetadata, TrainingSummary } from "./formats/modelMetadata.ts";
export { encodeNpy, encodeNpz, type NamedArray } from "./formats/npz.ts";
export { type OnnxModel, encodeOnnx } from "./formats/onnxModel.ts";
export {
  type BufferPlace,
  exportModule,
  type ModuleForm,
  moduleForms,
  type ModuleOptions,
} from "./formats/source/exportModule.ts";
export { type Safetensors, type Tensor, decodeSafetensors, encodeSafetensors } from "./formats/safetensors.ts";

// Tables and files: rows to datasets, models to safetensors and back. Apart from the core, which needs neither.

export { closestName } from "./data/closest.ts";
export type { ColumnOptions, IgnoredColumn, Task } from "./data/chooseColumns.ts";
export { type EncodedInputs, type EncodedTable, encodeInputs, encodeTable } from "./data/encode.ts";
export {
  type ClassPredictions,
  type NumberPredictions,
  type Predictions,
  type PredictionScore,
  scorePredictions,
  toPredictions,
} from "./data/predictions.ts";
export { type PrepareOptions, type Prepared, type TableReport, prepare } from "./data/prepare.ts";
export {
  type CategoryColumn,
  type ClassTarget,
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
export { tableFromRows } from "./data/readJson.ts";
export { readTable } from "./data/readTable.ts";
export type { Cell, Column, Table } from "./data/table.ts";
export {
  type ModelToSave,
  type SavedModel,
  decodeModel,
  decodeModelHeader,
  encodeModel,
  modelHeaderBytes,
} from "./formats/modelFile.ts";
export type { ModelMetadata, TrainingSummary } from "./formats/modelMetadata.ts";
export { type OnnxModel, encodeOnnx } from "./formats/onnxModel.ts";
export { type Safetensors, type Tensor, decodeSafetensors, encodeSafetensors } from "./formats/safetensors.ts";

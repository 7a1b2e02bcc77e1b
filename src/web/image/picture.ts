/** A picture as numbers: colours [height, width, 3] in [0, 1], row-major from the top left. */
export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly colours: Float32Array;
}

/** What a part of the benchmark printed, and its figures by name, for those who compare them with others. */
export interface Outcome {
  readonly text: string;
  readonly figures?: Figures;
}

export type Figures = Readonly<Record<string, number>>;

/** What is asked of a survey: one fault each. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import type { Survey } from './survey.ts';

export type ProbeRule = (survey: Survey) => Finding | undefined;

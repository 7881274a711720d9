import type { SelectableValue } from '@grafana/data';
import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { nameOf } from '../names';
import { offeredIn, type Place } from '../questions';
import type { Schema } from '../schema';
import { labelWidth } from './layout';

interface Props {
  id: string;
  schema: Schema;
  place: Place;
  name: string;
  onChange: (name: string) => void;
}

/** What is asked. The list says of each question in a line what it answers. */
export function QuestionField({ id, schema, place, name, onChange }: Props) {
  const options: Array<SelectableValue<string>> = offeredIn(schema, place).map(({ topic, types }) => ({
    label: labels.topics[topic],
    expanded: true, // a folded topic cannot be reached with the keyboard
    options: types.map((type) => questionOption(type.name)),
  }));
  return (
    <InlineField
      label={labels.query.question}
      labelWidth={labelWidth}
      tooltip={labels.questions[name]?.help}
      htmlFor={`${id}-question`}
    >
      <Select
        inputId={`${id}-question`}
        aria-label={labels.query.question}
        width={32}
        maxMenuHeight={420}
        options={options}
        value={questionOption(name)}
        onChange={({ value }) => value && onChange(value)}
      />
    </InlineField>
  );
}

/** A question the backend added is shown by its name. */
export function questionOption(name: string): SelectableValue<string> {
  const text = labels.questions[name];
  return { value: name, label: text?.label ?? nameOf(name), description: text?.help };
}

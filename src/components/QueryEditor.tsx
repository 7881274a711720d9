import type { PanelData, QueryEditorProps, TimeRange } from '@grafana/data';
import { Alert, InlineFieldRow } from '@grafana/ui';
import React, { useEffect, useId } from 'react';
import { asksTheSame, withType } from '../change';
import type { DataSource } from '../datasource';
import { defaultQuery, placeOf } from '../defaults';
import { labels } from '../labels';
import { formatsIn, type Place, uses } from '../questions';
import { type QueryTypeSchema, type Schema, typeOf } from '../schema';
import { fromStored } from '../stored';
import type { SightlineQuery, SightlineSettings } from '../types';
import { CompareFields } from './CompareFields';
import { FilterRows } from './FilterRows';
import { FormatField, formatOption } from './FormatField';
import { GroupByField } from './GroupByField';
import { MeasureFields } from './MeasureFields';
import { MoreFields } from './MoreFields';
import { Note } from './Note';
import { QuestionField, questionOption } from './QuestionField';
import { SchemaGate } from './SchemaGate';
import { ScopeFields } from './ScopeFields';
import { SubjectFields } from './SubjectFields';

type Props = QueryEditorProps<DataSource, SightlineQuery, SightlineSettings>;

/** Asks a question without SQL: what, of whom, split by what, in which shape. */
export function QueryEditor({ datasource, query, app, ...rest }: Props) {
  const place = placeOf(app);
  const complete = query.queryType ? query : { ...defaultQuery(place, app), ...query };
  return <QuestionEditor {...rest} datasource={datasource} stored={query} query={complete} place={place} />;
}

interface QuestionProps {
  datasource: DataSource;
  /** As it is saved. */
  stored: SightlineQuery;
  /** As it is shown. */
  query: SightlineQuery;
  place: Place;
  range?: TimeRange;
  data?: PanelData;
  onChange: (query: SightlineQuery) => void;
  onRunQuery: () => void;
}

export function QuestionEditor({ datasource, stored, query, place, onChange, onRunQuery, ...rest }: QuestionProps) {
  useEffect(() => {
    // What is shown is what is saved: an alert rule is evaluated from its JSON, without the editor's defaults.
    if (!stored.queryType) {
      onChange(query);
    }
  });
  const shown = fromStored(query);
  const change = (next: SightlineQuery) => {
    onChange(next);
    if (!asksTheSame(next, shown)) {
      onRunQuery();
    }
  };
  return (
    <SchemaGate datasource={datasource}>
      {(schema) => (
        <Fields {...rest} datasource={datasource} schema={schema} query={shown} place={place} change={change} />
      )}
    </SchemaGate>
  );
}

interface FieldsProps {
  datasource: DataSource;
  schema: Schema;
  query: SightlineQuery;
  place: Place;
  range?: TimeRange;
  data?: PanelData;
  change: (query: SightlineQuery) => void;
}

function Fields({ datasource, schema, query, place, range, data, change }: FieldsProps) {
  const id = useId();
  const name = query.queryType ?? schema.queryTypes[0].name;
  const type = typeOf(schema, name);
  const question = (
    <QuestionField
      id={id}
      schema={schema}
      place={place}
      name={name}
      onChange={(next) => change(withType(query, next, schema, place))}
    />
  );
  if (!type) {
    return (
      <>
        <InlineFieldRow>{question}</InlineFieldRow>
        <Alert severity="warning" title={labels.query.unknownQuestion(name)} />
      </>
    );
  }
  const set = (part: Partial<SightlineQuery>) => change(withoutEmpty({ ...query, ...part }));
  const parts = { id, datasource, schema, type, query, range, set };
  return (
    <>
      <InlineFieldRow>
        {question}
        <FormatField {...parts} place={place} />
      </InlineFieldRow>
      {place === 'alert' && <AlertNote {...parts} />}
      <InlineFieldRow>
        <SubjectFields {...parts} />
        <MeasureFields {...parts} />
      </InlineFieldRow>
      <InlineFieldRow>
        <CompareFields {...parts} />
      </InlineFieldRow>
      <InlineFieldRow>
        <ScopeFields {...parts} />
      </InlineFieldRow>
      {(uses(type, 'groupBy', query) || Boolean(query.groupBy?.length)) && (
        <InlineFieldRow>
          <GroupByField {...parts} />
        </InlineFieldRow>
      )}
      {uses(type, 'filters') && <FilterRows {...parts} />}
      <MoreFields {...parts} data={data} />
    </>
  );
}

/** Why some questions and formats are not in the list, or why this one should not be in a rule. */
function AlertNote({ type, query }: { type: QueryTypeSchema; query: SightlineQuery }) {
  const format = query.format ?? type.formats[0];
  if (formatsIn(type, 'alert').includes(format)) {
    return <Note>{labels.query.onlyAlertable}</Note>;
  }
  const title = labels.query.notAlertable(String(questionOption(type.name).label), formatOption(format).label);
  return (
    <Alert severity="warning" title={title}>
      {labels.query.onlyAlertable}
    </Alert>
  );
}

/** A field that was emptied is left out, so that the backend's default holds. */
function withoutEmpty(query: SightlineQuery): SightlineQuery {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(set) as unknown as SightlineQuery;
}

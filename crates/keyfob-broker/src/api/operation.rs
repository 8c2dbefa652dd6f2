//! A line of the table: where, what, for whom, and the handler, whose types are the schemas that the document shows.

use std::future::Future;
use std::pin::Pin;

use http::{Method, StatusCode};
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use crate::problem::Problem;

/// What can be asked for.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// What generated clients call it.
    pub(super) id: &'static str,
    pub(super) about: &'static str,
    pub(super) for_owner: bool,
    /// Whether it comes in pages.
    pub(super) is_paged: bool,
    /// What narrows a list.
    pub(super) filters: Vec<Filter>,
    pub(super) body: Option<Shape>,
    pub(super) status: StatusCode,
    pub(super) answer: Option<Shape>,
    /// A member of the answer that nobody is shown twice.
    pub(super) shown_once: Option<&'static str>,
    /// Whether doing it twice is worth a guard.
    is_once: bool,
    run: Box<dyn Fn(Call, Option<Value>) -> Running + Send + Sync>,
}

/// What narrows a list.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What it can be; empty: any text.
    pub(super) choices: &'static [&'static str],
}

/// What a handler makes.
type Running = Pin<Box<dyn Future<Output = Result<Value, Problem>> + Send>>;

/// The shape of a body, by name.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) schema: Value,
}

impl Shape {
    fn of<T: JsonSchema>(contract: Contract) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
            settings.contract = contract;
        });
        let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
        Self { name: T::schema_name().into_owned(), schema: schema.into() }
    }
}

impl Operation {
    /// Reads.
    pub(super) fn get<T, F, R>(path: &'static str, id: &'static str, about: &'static str, run: R) -> Self
    where
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        R: Fn(Call) -> F + Send + Sync + 'static,
    {
        let run = move |call: Call, _| answering(run(call));
        Self::new(Method::GET, path, id, about, Box::new(run)).answers::<T>(StatusCode::OK)
    }

    /// Does something that needs no further words.
    pub(super) fn act<T, F, R>(path: &'static str, id: &'static str, about: &'static str, run: R) -> Self
    where
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        R: Fn(Call) -> F + Send + Sync + 'static,
    {
        let run = move |call: Call, _| answering(run(call));
        Self::new(Method::POST, path, id, about, Box::new(run)).answers::<T>(StatusCode::OK)
    }

    /// Takes something away.
    pub(super) fn remove<T, F, R>(path: &'static str, id: &'static str, about: &'static str, run: R) -> Self
    where
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        R: Fn(Call) -> F + Send + Sync + 'static,
    {
        let run = move |call: Call, _| answering(run(call));
        Self::new(Method::DELETE, path, id, about, Box::new(run)).answers::<T>(StatusCode::OK)
    }

    /// Makes something new.
    pub(super) fn create<B, T, F, R>(path: &'static str, id: &'static str, about: &'static str, run: R) -> Self
    where
        B: DeserializeOwned + JsonSchema,
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        R: Fn(Call, B) -> F + Send + Sync + 'static,
    {
        Self::with_body(Method::POST, path, id, about, run).answers::<T>(StatusCode::CREATED)
    }

    /// Changes what is there.
    pub(super) fn change<B, T, F, R>(path: &'static str, id: &'static str, about: &'static str, run: R) -> Self
    where
        B: DeserializeOwned + JsonSchema,
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        R: Fn(Call, B) -> F + Send + Sync + 'static,
    {
        Self::with_body(Method::PATCH, path, id, about, run).answers::<T>(StatusCode::OK)
    }

    fn with_body<B, T, F, R>(method: Method, path: &'static str, id: &'static str, about: &'static str, run: R) -> Self
    where
        B: DeserializeOwned + JsonSchema,
        T: Serialize + JsonSchema,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        R: Fn(Call, B) -> F + Send + Sync + 'static,
    {
        let run = move |call: Call, body: Option<Value>| -> Running {
            // It fits the schema, which is made of the same type.
            match serde_json::from_value(body.unwrap_or_default()) {
                Ok(body) => answering(run(call, body)),
                Err(_) => Box::pin(async { Err(Problem::bad_request("body", "The body is not as the document has it.")) }),
            }
        };
        let operation = Self::new(method, path, id, about, Box::new(run));
        Self { body: Some(Shape::of::<B>(Contract::Deserialize)), ..operation }
    }

    fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        about: &'static str,
        run: Box<dyn Fn(Call, Option<Value>) -> Running + Send + Sync>,
    ) -> Self {
        let (filters, status) = (Vec::new(), StatusCode::OK);
        Self {
            method,
            path,
            id,
            about,
            for_owner: false,
            is_paged: false,
            filters,
            body: None,
            status,
            answer: None,
            shown_once: None,
            is_once: false,
            run,
        }
    }

    fn answers<T: JsonSchema>(self, status: StatusCode) -> Self {
        Self { status, answer: Some(Shape::of::<T>(Contract::Serialize)), ..self }
    }

    /// It comes in pages.
    pub(super) fn paged(self) -> Self {
        Self { is_paged: true, ..self }
    }

    /// A list can be narrowed by this.
    pub(super) fn filtered(mut self, name: &'static str, about: &'static str) -> Self {
        self.filters.push(Filter { name, about, choices: &[] });
        self
    }

    /// A list can be narrowed to one of these.
    pub(super) fn narrowed(mut self, name: &'static str, about: &'static str, choices: &'static [&'static str]) -> Self {
        self.filters.push(Filter { name, about, choices });
        self
    }

    /// Nobody else finds it.
    pub(super) fn for_owner(self) -> Self {
        Self { for_owner: true, ..self }
    }

    /// This member of the answer is in no answer again, and in no memory of ours.
    pub(super) fn shown_once(self, member: &'static str) -> Self {
        Self { shown_once: Some(member), ..self }
    }

    /// Doing it twice is not what doing it once is, although it makes nothing.
    pub(super) fn once(self) -> Self {
        Self { is_once: true, ..self }
    }

    /// Whether doing it twice is worth a guard: it makes something, or takes the place of what was there.
    pub(super) fn is_once(&self) -> bool {
        self.is_once || self.makes()
    }

    /// Whether something is there afterwards that was not before.
    fn makes(&self) -> bool {
        self.status == StatusCode::CREATED
    }

    /// Whether whoever asks has something by the answer that they had not before: what was made, or a secret that was drawn.
    pub(super) fn hands_out(&self) -> bool {
        self.makes() || self.shown_once.is_some()
    }

    /// Calls the handler.
    pub(super) fn call(&self, call: Call, body: Option<Value>) -> Running {
        (self.run)(call, body)
    }

    /// The names in the path.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The names that a query may have.
    pub(super) fn queries(&self) -> Vec<&'static str> {
        let paging: &[&'static str] = if self.is_paged { &["limit", "cursor"] } else { &[] };
        paging.iter().copied().chain(self.filters.iter().map(|filter| filter.name)).collect()
    }
}

fn answering<T: Serialize>(work: impl Future<Output = Result<T, Problem>> + Send + 'static) -> Running {
    Box::pin(async {
        let answer = work.await?;
        Ok(serde_json::to_value(answer).expect("types of ours are always JSON"))
    })
}

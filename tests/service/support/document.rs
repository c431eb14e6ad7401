//! Holds every answer that a test gets against the OpenAPI document of the service: its path and method, its status, media type, headers
//! and body; and of a request that succeeds, what it sent. So what is not documented, or documented otherwise, fails a test.

use super::http::{Answer, Headers};
use super::launch;
use boon::{Compiler, SchemaIndex, Schemas};
use reqwest::Method;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Document::read(serde_json::from_str(&launch::document()).unwrap()));

const URL: &str = "http://document/openapi.json";
/// Those of HTTP itself, which no document lists.
const OF_HTTP: [&str; 7] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
    "vary",
];

pub struct Document {
    json: Value,
    operations: Vec<Operation>,
    schemas: Schemas,
    problem: SchemaIndex,
}

struct Operation {
    method: String,
    path: String,
    parameters: Vec<Field>,
    body: Option<SchemaIndex>,
    answers: BTreeMap<u16, Shape>,
}

/// A parameter or a header.
struct Field {
    name: String,
    place: String,
    required: bool,
    schema: SchemaIndex,
}

struct Shape {
    content: BTreeMap<String, SchemaIndex>,
    headers: Vec<Field>,
}

struct Reader {
    json: Value,
    compiler: Compiler,
    schemas: Schemas,
}

impl Document {
    fn read(mut json: Value) -> Document {
        forbid_what_is_not_listed(&mut json);
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(URL, json.clone()).unwrap();
        let schemas = Schemas::new();
        let mut reader = Reader {
            json,
            compiler,
            schemas,
        };
        let problem = reader.compile("/components/schemas/Problem");
        let paths = reader.names("/paths");
        let operations = paths.iter().flat_map(|path| {
            let at = format!("/paths/{}", escaped(path));
            let methods = reader.names(&at);
            let read = methods.iter().map(|method| reader.operation(path, method));
            read.collect::<Vec<_>>()
        });
        Document {
            operations: operations.collect(),
            problem,
            schemas: reader.schemas,
            json: reader.json,
        }
    }

    /// Methods and paths.
    pub fn operations(&self) -> BTreeSet<(String, String)> {
        let named = |of: &Operation| (of.method.clone(), of.path.clone());
        self.operations.iter().map(named).collect()
    }

    /// Panics where the answer, or a request that succeeded, is not as documented.
    #[track_caller]
    pub fn check(
        &self,
        method: &Method,
        url: &str,
        headers: Headers,
        body: Option<&[u8]>,
        answer: &Answer,
    ) {
        let target = url.split_once("://").map_or(url, |(_, rest)| rest);
        let target = target.find('/').map_or("/", |at| &target[at..]);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if let Err(what) = self.holds(method, path, query, headers, body, answer) {
            panic!("not as documented: {method} {target}: {what}\n{answer:#?}");
        }
    }

    fn holds(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: Headers,
        body: Option<&[u8]>,
        answer: &Answer,
    ) -> Result<(), String> {
        let of_path: Vec<&Operation> = self.of_path(path);
        let documented = if method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        let Some(operation) = of_path.iter().find(|of| of.method == documented) else {
            return self.refused(&of_path, answer);
        };
        let shape = operation.answers.get(&answer.status);
        let shape = shape.ok_or_else(|| format!("status {} is not listed", answer.status))?;
        self.fields(&shape.headers, |name| {
            let value = answer.headers.get(name)?;
            Some(value.to_str().unwrap().to_owned())
        })?;
        let listed = |name: &str| {
            shape
                .headers
                .iter()
                .any(|of| of.name.eq_ignore_ascii_case(name))
        };
        let names = answer.headers.keys().map(|name| name.as_str());
        if let Some(name) = names
            .into_iter()
            .find(|name| !OF_HTTP.contains(name) && !listed(name))
        {
            return Err(format!("the header {name} is not listed"));
        }
        if method != Method::HEAD {
            self.content(shape, answer)?;
        }
        if answer.status < 400 {
            self.sent(operation, path, query, headers, body)?;
        }
        Ok(())
    }

    /// A literal path before one with a parameter.
    fn of_path(&self, path: &str) -> Vec<&Operation> {
        let exact = self.operations.iter().filter(|of| of.path == path);
        let exact: Vec<_> = exact.collect();
        if !exact.is_empty() {
            return exact;
        }
        let fits = |of: &&Operation| values_of_path(&of.path, path).is_some();
        self.operations.iter().filter(fits).collect()
    }

    /// No such path, or no such method.
    fn refused(&self, of_path: &[&Operation], answer: &Answer) -> Result<(), String> {
        let (status, code) = if of_path.is_empty() {
            (404, "not_found")
        } else {
            (405, "method_not_allowed")
        };
        let problem: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        if !answer.text.is_empty() {
            self.valid(self.problem, &problem)?;
        }
        let right = answer.status == status && (problem["code"] == code || answer.text.is_empty());
        // The request itself may be broken, or one too many.
        if !right && ![400, 429].contains(&answer.status) {
            return Err(format!("{status} {code} was to be expected"));
        }
        let mut methods: BTreeSet<&str> = of_path.iter().map(|of| of.method.as_str()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        let allowed: BTreeSet<&str> = answer
            .header("Allow")
            .split(", ")
            .filter(|of| !of.is_empty())
            .collect();
        if answer.status == 405 && allowed != methods {
            return Err(format!(
                "Allow is {allowed:?}, and {methods:?} are documented"
            ));
        }
        Ok(())
    }

    fn content(&self, shape: &Shape, answer: &Answer) -> Result<(), String> {
        let media = answer.header("Content-Type");
        if shape.content.is_empty() {
            return if answer.text.is_empty() {
                Ok(())
            } else {
                Err("a body is not listed".into())
            };
        }
        let schema = shape.content.get(media);
        let schema = schema.ok_or_else(|| format!("the media type {media:?} is not listed"))?;
        let body = if media == "application/json" || media.ends_with("+json") {
            serde_json::from_str(&answer.text).map_err(|error| error.to_string())?
        } else {
            Value::from(answer.text.as_str())
        };
        self.valid(*schema, &body)
    }

    fn sent(
        &self,
        operation: &Operation,
        path: &str,
        query: &str,
        headers: Headers,
        body: Option<&[u8]>,
    ) -> Result<(), String> {
        let of_path = values_of_path(&operation.path, path).unwrap_or_default();
        let of_query: BTreeMap<String, String> = url_pairs(query);
        self.fields(&operation.parameters, |name| {
            let header = headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            let header = header.map(|(_, value)| (*value).to_owned());
            header.or_else(|| of_path.get(name).or(of_query.get(name)).cloned())
        })?;
        let listed = |name: &String| {
            let mut known = operation.parameters.iter();
            known.any(|of| of.place == "query" && of.name == *name)
        };
        if let Some(name) = of_query.keys().find(|name| !listed(name)) {
            return Err(format!("the parameter {name} is not listed"));
        }
        match (operation.body, body) {
            (Some(schema), Some(body)) => {
                let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
                self.valid(schema, &body)
            }
            (Some(_), None) => Err("a body is needed, says the document".into()),
            (None, _) => Ok(()),
        }
    }

    fn fields(
        &self,
        fields: &[Field],
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        for field in fields {
            let name = &field.name;
            let Some(text) = value(name) else {
                if field.required {
                    return Err(format!("{name} is missing"));
                }
                continue;
            };
            let number = text.parse::<u64>().map(Value::from);
            let told = self.valid(field.schema, &text.clone().into());
            let fits = told.is_ok()
                || number.is_ok_and(|number| self.valid(field.schema, &number).is_ok());
            if !fits {
                return Err(format!("{name} is {text:?}: {told:?}"));
            }
        }
        Ok(())
    }

    /// Panics where one of these values is not as the schema of the document beside it says.
    #[track_caller]
    pub fn fit(&self, asked: &[(&Value, &Value)]) {
        let mut document = self.json.clone();
        document["components"]["schemas"]["Asked"] =
            asked.iter().map(|(schema, _)| (*schema).clone()).collect();
        let mut compiler = Compiler::new();
        compiler.add_resource(URL, document).unwrap();
        let mut schemas = Schemas::new();
        for (nth, (schema, value)) in asked.iter().enumerate() {
            let at = format!("{URL}#/components/schemas/Asked/{nth}");
            let compiled = compiler.compile(&at, &mut schemas).unwrap();
            let fits = schemas.validate(value, compiled);
            assert!(
                fits.is_ok(),
                "{value} is not as {schema}: {}",
                fits.unwrap_err()
            );
        }
    }

    fn valid(&self, schema: SchemaIndex, value: &Value) -> Result<(), String> {
        let valid = self.schemas.validate(value, schema);
        valid.map_err(|error| format!("{error:#}"))
    }
}

impl Reader {
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.json.pointer(pointer)
    }

    fn names(&self, pointer: &str) -> Vec<String> {
        let object = self.at(pointer).and_then(Value::as_object);
        object.map_or(Vec::new(), |object| object.keys().cloned().collect())
    }

    fn compile(&mut self, pointer: &str) -> SchemaIndex {
        let fragment = pointer
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace(' ', "%20");
        let at = format!("{URL}#{fragment}");
        let compiled = self.compiler.compile(&at, &mut self.schemas);
        compiled.unwrap_or_else(|error| panic!("{at}: {error:#}"))
    }

    fn operation(&mut self, path: &str, method: &str) -> Operation {
        let at = format!("/paths/{}/{method}", escaped(path));
        let parameters = self.at(&format!("{at}/parameters"));
        let parameters = parameters
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let parameters = parameters.iter().enumerate().map(|(nth, parameter)| {
            let schema = format!("{at}/parameters/{nth}/schema");
            self.field(parameter, &schema, parameter["name"].as_str().unwrap())
        });
        let parameters = parameters.collect();
        let body = format!("{at}/requestBody/content/application~1json/schema");
        let body = self.at(&body).is_some().then(|| self.compile(&body));
        let statuses = self.names(&format!("{at}/responses"));
        let answers = statuses.iter().map(|status| {
            let at = format!("{at}/responses/{status}");
            (status.parse().unwrap(), self.shape(&at))
        });
        Operation {
            answers: answers.collect(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters,
            body,
        }
    }

    fn shape(&mut self, at: &str) -> Shape {
        let media = self.names(&format!("{at}/content"));
        let content = media.into_iter().map(|media| {
            let schema = format!("{at}/content/{}/schema", escaped(&media));
            (media, self.compile(&schema))
        });
        let content = content.collect();
        let names = self.names(&format!("{at}/headers"));
        let headers = names.iter().map(|name| {
            let at = format!("{at}/headers/{name}");
            let header = self.at(&at).cloned().unwrap_or_default();
            self.field(&header, &format!("{at}/schema"), name)
        });
        Shape {
            headers: headers.collect(),
            content,
        }
    }

    fn field(&mut self, described: &Value, schema: &str, name: &str) -> Field {
        Field {
            name: name.to_owned(),
            place: described["in"].as_str().unwrap_or("header").to_owned(),
            required: described["required"] == true,
            schema: self.compile(schema),
        }
    }
}

/// Clients must expect members that are new; tests must not: one that is not in the document has been forgotten there.
fn forbid_what_is_not_listed(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas");
    let schemas: &mut Map<String, Value> = schemas.and_then(Value::as_object_mut).unwrap();
    for (name, schema) in schemas {
        let word = if schema.get("allOf").is_some() {
            "unevaluatedProperties"
        } else {
            "additionalProperties"
        };
        if name != "Extras" && schema.get(word).is_none() {
            schema[word] = false.into();
        }
    }
}

/// As a part of a JSON pointer.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// None where the path is not one of this pattern.
fn values_of_path(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut values = BTreeMap::new();
    for (pattern, piece) in pattern.into_iter().zip(path) {
        match pattern
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) if !piece.is_empty() => {
                drop(values.insert(name.to_owned(), piece.to_owned()))
            }
            None if pattern == piece => {}
            _ => return None,
        }
    }
    Some(values)
}

fn url_pairs(query: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

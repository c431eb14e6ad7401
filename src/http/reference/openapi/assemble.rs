//! Makes the OpenAPI document from the descriptions.

use std::collections::BTreeMap;

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ComponentsBuilder, Ref, Type};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Content as MediaType, ContentBuilder, Header as HeaderObject, HeaderBuilder, InfoBuilder,
    LicenseBuilder, Object, ObjectBuilder, OpenApi, OpenApiBuilder, RefOr, Required, Response,
    ResponseBuilder, Schema, SchemaFormat,
};

use super::description::{
    Answer, Content, Header, Json, Operation, Parameter, Place, Shape, Tag, json,
};
use super::{access, problems, shared};
use crate::http::answer::view;
use crate::http::{Need, VERSION};

pub fn assemble(operations: &[&Operation], description: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("synapse-core")
        .version(VERSION)
        .description(Some(description))
        .license(Some(LicenseBuilder::new().name("MIT").build()));
    let tags = Tag::ALL.map(|tag| {
        let tag_of = TagBuilder::new().name(tag.name());
        tag_of.description(Some(tag.description())).build()
    });
    let mut paths = Paths::new();
    for described in operations {
        let operation = operation(described).build();
        let method = method(described.method);
        paths.add_path_operation(described.path, vec![method], operation);
    }
    OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags))
        .paths(paths)
        .components(Some(
            components(operations)
                .security_scheme(access::SCHEME, access::scheme())
                .build(),
        ))
        .build()
}

fn components(operations: &[&Operation]) -> ComponentsBuilder {
    let answers = operations.iter().flat_map(|described| {
        let answers = described.answers.iter().map(|answer| &answer.content);
        let bodies = answers.filter_map(|content| match content {
            Content::Json(json) => Some(*json),
            Content::Nothing | Content::Text(_) => None,
        });
        bodies.chain(described.body)
    });
    let bodies = answers.chain([json::<view::Problem>("Problem", Default::default)]);
    let mut components = ComponentsBuilder::new();
    for (name, schema) in bodies.flat_map(|json| (json.components)(json.name)) {
        components = components.schema(name, schema);
    }
    components
}

fn operation(described: &Operation) -> OperationBuilder {
    let need = access::need_of(described);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(described.id))
        .tag(described.tag.name())
        .summary(Some(described.summary))
        .description(Some(described.description).filter(|text| !text.is_empty()))
        .securities(access::requirement(need).map(|one| [one]))
        .request_body(described.body.map(|body| {
            let body = RequestBodyBuilder::new().content("application/json", media_type(body));
            body.required(Some(Required::True)).build()
        }));
    let parameters = described.parameters.iter().copied().flatten();
    let common = access::parameters(need).iter().chain(shared::EVERY_REQUEST);
    for parameter_of in parameters.chain(common) {
        operation = operation.parameter(parameter(parameter_of));
    }
    for answer in described.answers {
        operation = operation.response(answer.status.to_string(), response(answer, need));
    }
    let kinds = described.problems.iter().copied().flatten();
    let mut by_status: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    for kind in kinds.chain(access::problems(need)) {
        let of_status = by_status.entry(kind.status).or_default();
        if !of_status.contains(kind) {
            of_status.push(*kind);
        }
    }
    for (status, kinds) in by_status {
        operation = operation.response(status.to_string(), problems::response(&kinds, need));
    }
    operation
}

fn method(name: &str) -> HttpMethod {
    match name {
        "POST" => HttpMethod::Post,
        "PATCH" => HttpMethod::Patch,
        _ => HttpMethod::Get,
    }
}

fn parameter(described: &Parameter) -> ParameterBuilder {
    let place = match described.place {
        Place::Path => ParameterIn::Path,
        Place::Query => ParameterIn::Query,
        Place::Header => ParameterIn::Header,
    };
    ParameterBuilder::new()
        .name(described.name)
        .parameter_in(place)
        .required(if described.required {
            Required::True
        } else {
            Required::False
        })
        .description(Some(described.description))
        .schema(Some(schema(described.shape)))
        .example(Some(example(described.shape, described.example)))
}

fn response(described: &Answer, need: Need) -> Response {
    let response = ResponseBuilder::new().description(described.description);
    let response = headers(response, described.headers.iter().copied().flatten(), need);
    match &described.content {
        Content::Nothing => response,
        Content::Json(json) => response.content("application/json", media_type(*json)),
        Content::Text(medias) => medias.iter().fold(response, |response, media| {
            let text = Object::with_type(Type::String);
            response.content(*media, MediaType::new(Some(text)))
        }),
    }
    .build()
}

fn media_type(json: Json) -> MediaType {
    let content = ContentBuilder::new().schema(Some((json.schema)(json.name)));
    content.example(Some((json.example)())).build()
}

/// Adds these headers, and those that every answer has.
pub fn headers<'h>(
    response: ResponseBuilder,
    described: impl IntoIterator<Item = &'h Header>,
    need: Need,
) -> ResponseBuilder {
    let common = access::headers(need).iter().chain(shared::EVERY_ANSWER);
    let all = described.into_iter().chain(common);
    all.fold(response, |response, described| {
        response.header(described.name, header(described))
    })
}

fn header(described: &Header) -> HeaderObject {
    // utoipa's header has no field for `required`.
    let required = described
        .always
        .then(|| Extensions::from_iter([("required", true)]));
    HeaderBuilder::new()
        .description(Some(described.description))
        .schema(Some(schema(described.shape)))
        .example(Some(example(described.shape, described.example)))
        .extensions(required)
        .build()
}

fn schema(shape: Shape) -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let object = match shape {
        Shape::Text => text,
        Shape::Pattern(pattern) => text.pattern(Some(pattern)),
        Shape::OneOf(words) => text.enum_values(Some(words.iter().copied())),
        Shape::Uuid => text.format(Some(SchemaFormat::Custom("uuid".to_owned()))),
        Shape::Number { min, max } => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(min))
            .maximum(max),
    };
    object.build().into()
}

fn example(shape: Shape, example: &str) -> serde_json::Value {
    match (shape, example.parse::<u32>()) {
        (Shape::Number { .. }, Ok(number)) => number.into(),
        _ => example.into(),
    }
}

/// A problem with one of these codes and this status.
pub fn narrowed(status: u16, codes_of: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let codes = ObjectBuilder::new().schema_type(Type::String);
    let codes = codes.enum_values(Some(codes_of));
    let statuses = ObjectBuilder::new().schema_type(Type::Integer);
    let statuses = statuses.enum_values(Some([status]));
    let narrower = ObjectBuilder::new()
        .property("code", codes.build())
        .property("status", statuses.build());
    AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(narrower.build())
        .into()
}

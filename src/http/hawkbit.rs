//! hawkBit's errors, as its two doors speak them: `{"exceptionClass", "errorCode", "message"}`, and no body at all for
//! some. Every refusal of the engine has its place in one table here.

pub mod history;

use axum::Json;
use axum::body::Body;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;
use crate::domain::action::Refusal;
use crate::domain::decide::Reject;
use crate::engine::call::CallError;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $status:literal, $code:literal, $class:literal;)+) => {
        /// What hawkBit tells apart by a code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $name,)+ }

        impl Kind {
            /// Status, code and Java class.
            fn row(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Kind::$name => ($status, concat!("hawkbit.server.error.", $code), $class),)+
                }
            }
        }
    };
}

kinds! {
    /// There is no such thing, or the asker may not know that there is.
    NotFound: 404, "repo.entityNotFound", "org.eclipse.hawkbit.repository.exception.EntityNotFoundException";
    /// There is one already.
    AlreadyExists: 409, "repo.entityAlreadyExists",
        "org.eclipse.hawkbit.repository.exception.EntityAlreadyExistsException";
    /// It is agreed to by itself already.
    AutoConfirmActive: 409, "repo.autoConfAlreadyActive",
        "org.eclipse.hawkbit.repository.exception.AutoConfirmationAlreadyActiveException";
    /// The product has devices.
    TypeInUse: 409, "target.type.used", "org.eclipse.hawkbit.repository.exception.TargetTypeInUseException";
    /// The asker may not.
    Permission: 403, "insufficientPermission",
        "org.eclipse.hawkbit.repository.exception.InsufficientPermissionException";
    /// It may not be changed any more.
    ReadOnly: 403, "entityReadOnly", "org.eclipse.hawkbit.repository.exception.EntityReadOnlyException";
    /// The action cannot be called off.
    NotCancelable: 405, "action.notCancelable",
        "org.eclipse.hawkbit.repository.exception.CancelActionNotAllowedException";
    /// The action cannot be ended without the device.
    NotForceQuitable: 405, "action.notForceQuitable",
        "org.eclipse.hawkbit.repository.exception.ForceQuitActionNotAllowedException";
    /// The action cannot be removed.
    NotDeletable: 405, "action.notDeletable",
        "org.eclipse.hawkbit.repository.exception.ActionDeleteNotAllowedException";
    /// The file was removed.
    BinaryDeleted: 410, "artifact.binaryDeleted",
        "org.eclipse.hawkbit.repository.exception.ArtifactBinaryNoLongerExistsException";
    /// It is locked.
    Locked: 423, "locked", "org.eclipse.hawkbit.repository.exception.LockedException";
    /// Too many of something.
    TooMany: 429, "quota.tooManyEntries",
        "org.eclipse.hawkbit.repository.exception.AssignmentQuotaExceededException";
    /// The file is too large.
    FileSize: 429, "quota.fileSizeExceeded",
        "org.eclipse.hawkbit.repository.exception.FileSizeQuotaExceededException";
    /// The body is not what is expected.
    NotReadable: 400, "rest.body.notReadable", "org.eclipse.hawkbit.rest.exception.MessageNotReadableException";
    /// The `sort` parameter is malformed.
    SortSyntax: 400, "rest.param.sortParamSyntax",
        "org.eclipse.hawkbit.rest.exception.SortParameterSyntaxErrorException";
    /// There is no such field to sort by.
    SortField: 400, "rest.param.invalidField",
        "org.eclipse.hawkbit.rest.exception.SortParameterUnsupportedFieldException";
    /// Neither `ASC` nor `DESC`.
    SortDirection: 400, "rest.param.invalidDirection",
        "org.eclipse.hawkbit.rest.exception.SortParameterUnsupportedDirectionException";
    /// The filter is malformed.
    FilterSyntax: 400, "rest.param.rsqlParamSyntax",
        "org.eclipse.hawkbit.repository.exception.RSQLParameterSyntaxException";
    /// There is no such field to filter by.
    FilterField: 400, "rest.param.rsqlInvalidField",
        "org.eclipse.hawkbit.repository.exception.RSQLParameterUnsupportedFieldException";
    /// A value breaks a rule.
    Constraint: 400, "repo.constraintViolation", "jakarta.validation.ConstraintViolationException";
    /// An attribute breaks a rule.
    Attributes: 400, "repo.invalidTargetAttributes",
        "org.eclipse.hawkbit.repository.exception.InvalidTargetAttributeException";
    /// The address is none.
    Address: 400, "repo.invalidTargetAddress",
        "org.eclipse.hawkbit.repository.exception.InvalidTargetAddressException";
    /// Automatic assignments are not made with this type.
    AutoAssignType: 400, "repo.invalidAutoAssignActionType",
        "org.eclipse.hawkbit.repository.exception.InvalidAutoAssignActionTypeException";
    /// There is no such tenant.
    NoTenant: 400, "repo.tenantNotExists", "org.eclipse.hawkbit.repository.exception.TenantNotExistException";
    /// There is no such setting.
    SettingKey: 400, "configKeyInvalid",
        "org.eclipse.hawkbit.repository.exception.InvalidTenantConfigurationKeyException";
    /// The setting does not take the value.
    SettingValue: 400, "configValueInvalid",
        "org.eclipse.hawkbit.repository.exception.TenantConfigurationValidatorException";
    /// The rollout does not do this from where it stands.
    RolloutState: 400, "rollout.illegalState",
        "org.eclipse.hawkbit.repository.exception.RolloutIllegalStateException";
    /// The rollout cannot be made.
    RolloutVerification: 400, "rollout.verificationFailed",
        "org.eclipse.hawkbit.repository.exception.RolloutVerificationException";
    /// The maintenance window is none.
    Schedule: 400, "maintenanceScheduleInvalid",
        "org.eclipse.hawkbit.repository.exception.InvalidMaintenanceScheduleException";
    /// The set lacks a module.
    Incomplete: 400, "distributionset.incomplete",
        "org.eclipse.hawkbit.repository.exception.IncompleteDistributionSetException";
    /// The set was said to be no good.
    InvalidSet: 400, "distributionset.invalid",
        "org.eclipse.hawkbit.repository.exception.InvalidDistributionSetException";
    /// The set's type has no place for the module.
    NoPlace: 400, "distributionset.modules.unsupported",
        "org.eclipse.hawkbit.repository.exception.UnsupportedSoftwareModuleForThisDistributionSetException";
    /// Devices of this type do not take such sets.
    WrongType: 400, "target.type.incompatible",
        "org.eclipse.hawkbit.repository.exception.IncompatibleTargetTypeException";
    /// A target type has neither key nor name.
    TypeKeyOrName: 400, "target.type.keyOrNameRequired",
        "org.eclipse.hawkbit.repository.exception.TargetTypeKeyOrNameRequiredException";
    /// The file has another MD5 sum.
    Md5: 400, "artifact.uploadFailed.checksum.md5.match",
        "org.eclipse.hawkbit.repository.exception.InvalidMD5HashException";
    /// The file has another SHA-1 sum.
    Sha1: 400, "artifact.uploadFailed.checksum.sha1.match",
        "org.eclipse.hawkbit.repository.exception.InvalidSHA1HashException";
    /// The file has another SHA-256 sum.
    Sha256: 400, "artifact.uploadFailed.checksum.sha256.match",
        "org.eclipse.hawkbit.repository.exception.InvalidSHA256HashException";
    /// The form with the file is malformed.
    Upload: 400, "artifact.uploadFailed", "org.eclipse.hawkbit.rest.exception.MultiPartFileUploadException";
    /// Something here is broken, or busy.
    Generic: 500, "repo.genericError", "org.eclipse.hawkbit.repository.exception.GenericServerException";
}

/// A refusal in hawkBit's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    status: StatusCode,
    // Boxed, because every function here that can fail hands one up.
    body: Option<Box<ErrorBody>>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    exception_class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    message: String,
}

impl Fault {
    /// A refusal of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (status, code, class) = kind.row();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody { exception_class: class, error_code: Some(code), message: message.into() };
        Fault { status, body: Some(Box::new(body)), header: None }
    }

    /// There is no such thing (hawkBit: `EntityNotFoundException`).
    pub fn missing(what: &str, id: impl std::fmt::Display) -> Self {
        Fault::new(Kind::NotFound, format!("{what} with given identifier {{{id}}} does not exist."))
    }

    /// The body is not what is expected.
    pub fn not_readable() -> Self {
        Fault::new(Kind::NotReadable, "The given request body is not well formed")
    }

    /// A value breaks a rule.
    pub fn constraint(message: impl Into<String>) -> Self {
        Fault::new(Kind::Constraint, message)
    }

    /// What hawkBit's framework answers before hawkBit does: without a code.
    fn spring(status: StatusCode, class: &'static str, message: impl Into<String>) -> Self {
        let body = ErrorBody { exception_class: class, error_code: None, message: message.into() };
        Fault { status, body: Some(Box::new(body)), header: None }
    }

    /// There is no such path.
    pub fn no_path() -> Self {
        let class = "org.springframework.web.servlet.resource.NoResourceFoundException";
        Fault::spring(StatusCode::NOT_FOUND, class, "There is nothing at this path.")
    }

    /// The path does not have this method; it has `allowed`.
    pub fn no_method(method: &Method, allowed: Option<&'static str>) -> Self {
        let class = "org.springframework.web.HttpRequestMethodNotSupportedException";
        let message = format!("Request method '{method}' is not supported");
        let header = allowed.map(|allowed| Box::new((ALLOW, HeaderValue::from_static(allowed))));
        Fault { header, ..Fault::spring(StatusCode::METHOD_NOT_ALLOWED, class, message) }
    }

    /// The answer cannot be written as the client wants it.
    pub fn not_acceptable() -> Self {
        let class = "org.springframework.web.HttpMediaTypeNotAcceptableException";
        Fault::spring(StatusCode::NOT_ACCEPTABLE, class, "No acceptable representation")
    }

    /// The body is in a format that is not read; `read` are.
    pub fn media_type(read: &str) -> Self {
        let class = "org.springframework.web.HttpMediaTypeNotSupportedException";
        let message = format!("Content-Type is not supported; send {read}");
        Fault::spring(StatusCode::UNSUPPORTED_MEDIA_TYPE, class, message)
    }

    /// A parameter of the query or the path cannot be read.
    pub fn parameter(name: &str) -> Self {
        let class = "org.springframework.web.method.annotation.MethodArgumentTypeMismatchException";
        Fault::spring(StatusCode::BAD_REQUEST, class, format!("{name} cannot be read"))
    }

    /// A status without a body.
    pub fn bare(status: StatusCode) -> Self {
        Fault { status, body: None, header: None }
    }

    /// With a header.
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Fault { header: Some(Box::new((name, value))), ..self }
    }

    /// Whether it is of this kind.
    #[cfg(test)]
    pub fn is(&self, kind: Kind) -> bool {
        let (_, code, _) = kind.row();
        self.body.as_ref().is_some_and(|body| body.error_code == Some(code))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, Json(*body)).into_response(),
            None => (self.status, Body::empty()).into_response(),
        };
        response.headers_mut().extend(self.header.map(|header| *header));
        response
    }
}

/// What every door refuses alike: too slow, too long, too many wrong tokens, busy, broken.
impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let (status, message) = (error.status(), error.to_string());
        let retry = error.into_response().headers_mut().remove(RETRY_AFTER);
        let fault = match status {
            StatusCode::TOO_MANY_REQUESTS => Fault::bare(status),
            _ => Fault { status, ..Fault::new(Kind::Generic, message) },
        };
        Fault { header: retry.map(|retry| Box::new((RETRY_AFTER, retry))), ..fault }
    }
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        let kind = match &error {
            CallError::NoSuchDevice(id) => return Fault::missing("Target", id),
            CallError::NoSuchImage(id) => return Fault::missing("SoftwareModule", id),
            CallError::NoSuchRelease(id) => return Fault::missing("DistributionSet", id),
            CallError::NoSuchArtifact(id) => return Fault::missing("Artifact", id),
            CallError::NoSuchAction(id) | CallError::Refused { reject: Reject::NoSuchAction(id), .. } => {
                return Fault::missing("Action", id);
            }
            CallError::NoSuchRollout(id) => return Fault::missing("Rollout", id),
            CallError::Rollout(..) => Kind::RolloutState,
            CallError::BadRollout(_) => Kind::RolloutVerification,
            CallError::NoSuchOffer(..)
            | CallError::NoSuchDeployment(_)
            | CallError::NoSuchOperator(_)
            | CallError::NoSuchUpload(_)
            | CallError::NoSuchWebhook(_)
            | CallError::NoSuchItem(_) => Kind::NotFound,
            CallError::DeviceExists(_)
            | CallError::VersionExists { .. }
            | CallError::ReleaseExists { .. }
            | CallError::ItemExists(_)
            | CallError::TenantExists(_)
            | CallError::TokenTaken
            | CallError::OperatorExists(_) => Kind::AlreadyExists,
            CallError::ImageInUse { .. } | CallError::ReleaseInUse(_) | CallError::LastAdministrator(_) => {
                Kind::ReadOnly
            }
            CallError::ReleaseConflict(..) | CallError::NoPlace(_) => Kind::NoPlace,
            CallError::Incomplete(_) => Kind::Incomplete,
            CallError::Invalid(_) => Kind::InvalidSet,
            CallError::Locked(_) => Kind::Locked,
            CallError::WrongKind(_) | CallError::OtherProduct(_) => Kind::WrongType,
            CallError::NoSuchTenant(_) => Kind::NoTenant,
            CallError::BadSetting { .. } => Kind::SettingValue,
            CallError::UnderWay(_) => Kind::NotDeletable,
            CallError::Refused { reject, .. } | CallError::NotNow(reject) => refused(reject),
            CallError::Count { .. } => Kind::TooMany,
            CallError::Twice(_) | CallError::BadItem(_) => Kind::Constraint,
            CallError::Busy | CallError::Stopping | CallError::DiskFull | CallError::Corrupt(_) => {
                return ApiError::from(error).into();
            }
        };
        Fault::new(kind, error.to_string())
    }
}

fn refused(reject: &Reject) -> Kind {
    match reject {
        Reject::NoSuchAction(_) | Reject::Action(Refusal::NotWaiting | Refusal::Waiting) => Kind::NotFound,
        Reject::Action(
            Refusal::Finished | Refusal::Contradicts | Refusal::CancelPending | Refusal::NoCancelPending,
        ) => Kind::NotCancelable,
        Reject::AutoConfirmActive => Kind::AutoConfirmActive,
        Reject::TooManyAttributes | Reject::TooManyEntries => Kind::TooMany,
        Reject::ValueTooLong(_) | Reject::NamedValueTooLong(_) | Reject::NameTooLong(_) => Kind::Attributes,
        Reject::WrongProduct { .. } | Reject::Unreadable { .. } => Kind::Constraint,
    }
}

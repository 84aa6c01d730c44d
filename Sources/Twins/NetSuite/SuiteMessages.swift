/// Types of the SOAP service's core and messages, in the notation of `SuiteWSDL.complex`.
/// - Source: netsuitephp/netsuite-php `src/Classes/*`, for names and members.
enum SuiteMessages {
    static let operations = [
        "add", "addList", "update", "updateList", "upsert", "upsertList", "delete", "deleteList", "get", "getList", "getAll", "search", "searchMoreWithId",
        "initialize", "getDeleted", "getServerTime", "getDataCenterUrls",
    ]

    static let core: [String] = [
        "!Record | nullFieldList:NullField", "NullField | name:string*", "!BaseRef | name:string",
        "RecordRef < BaseRef | @internalId:string @externalId:string @type:string",
        "CustomRecordRef < BaseRef | @internalId:string @externalId:string @typeId:string @scriptId:string",
        "InitializeRef < BaseRef | @type:string @internalId:string @externalId:string",
        "ListOrRecordRef | name:string @internalId:string @externalId:string @typeId:string",
        "RecordList | record:Record*", "RecordRefList | recordRef:RecordRef*", "BaseRefList | baseRef:BaseRef*",
        "Status | statusDetail:StatusDetail* @isSuccess:boolean",
        "StatusDetail | code:string message:string afterSubmitFailed:boolean @type:string",
        "TokenPassport | account:string consumerKey:string token:string nonce:string timestamp:long signature:TokenPassportSignature",
        "TokenPassportSignature < =string | @algorithm:string",
        "!SearchRecord |", "!SearchRecordBasic < SearchRecord |",
        "SearchStringField | searchValue:string @operator:coreTypes:SearchStringFieldOperator",
        "SearchMultiSelectField | searchValue:RecordRef* @operator:coreTypes:SearchMultiSelectFieldOperator",
        "SearchEnumMultiSelectField | searchValue:string* @operator:coreTypes:SearchEnumMultiSelectFieldOperator",
        "SearchBooleanField | searchValue:boolean",
        "SearchDateField | predefinedSearchValue:string searchValue:dateTime searchValue2:dateTime @operator:coreTypes:SearchDateFieldOperator",
        "SearchDoubleField | searchValue:double searchValue2:double @operator:coreTypes:SearchDoubleFieldOperator",
        "SearchLongField | searchValue:long searchValue2:long @operator:coreTypes:SearchLongFieldOperator",
        "SearchResult | status:Status totalRecords:int pageSize:int totalPages:int pageIndex:int searchId:string recordList:RecordList",
        "!CustomFieldRef | @internalId:string @scriptId:string", "CustomFieldList | customField:CustomFieldRef* @replaceAll:boolean",
        "StringCustomFieldRef < CustomFieldRef | value:string", "LongCustomFieldRef < CustomFieldRef | value:long",
        "DoubleCustomFieldRef < CustomFieldRef | value:double", "BooleanCustomFieldRef < CustomFieldRef | value:boolean",
        "DateCustomFieldRef < CustomFieldRef | value:dateTime", "SelectCustomFieldRef < CustomFieldRef | value:ListOrRecordRef",
        "GetAllRecord | @recordType:coreTypes:GetAllRecordType", "GetAllResult | status:Status totalRecords:int recordList:RecordList",
        "GetServerTimeResult | status:Status serverTime:dateTime",
        "GetDataCenterUrlsResult | status:Status dataCenterUrls:DataCenterUrls",
        "DataCenterUrls | restDomain:string webservicesDomain:string systemDomain:string",
        "InitializeRecord | type:string reference:InitializeRef",
        "GetDeletedFilter | deletedDate:SearchDateField type:SearchEnumMultiSelectField scriptId:SearchStringField",
        "GetDeletedResult | status:Status totalRecords:int pageSize:int totalPages:int pageIndex:int deletedRecordList:DeletedRecordList",
        "DeletedRecordList | deletedRecord:DeletedRecord*", "DeletedRecord | deletedDate:dateTime record:BaseRef",
    ]

    static let words: [(String, [String])] = [
        ("RecordType", SuiteSchema.whole.order.map(\.name)), ("GetAllRecordType", ["currency", "salesTaxItem", "taxType", "paymentMethod", "term"]),
        ("SearchRecordType", SuiteSearchTypes.tables.map { $0.name.prefix(1).lowercased() + $0.name.dropFirst() }),
        ("SearchStringFieldOperator", ["contains", "doesNotContain", "doesNotStartWith", "empty", "hasKeywords", "is", "isNot", "notEmpty", "startsWith"]),
        ("SearchMultiSelectFieldOperator", ["anyOf", "noneOf"]), ("SearchEnumMultiSelectFieldOperator", ["anyOf", "noneOf"]),
        ("SearchDateFieldOperator", ["after", "before", "empty", "notEmpty", "notOn", "notWithin", "on", "onOrAfter", "onOrBefore", "within"]),
        ("SearchDoubleFieldOperator", numbers), ("SearchLongFieldOperator", numbers),
    ]
    private static let numbers = ["between", "equalTo", "greaterThan", "greaterThanOrEqualTo", "lessThan", "lessThanOrEqualTo", "notEqualTo"]

    static let messages: [String] = [
        "DocumentInfo | nsId:string", "ApplicationInfo | applicationId:string", "PartnerInfo | partnerId:string",
        "Preferences | warningAsError:boolean disableMandatoryCustomFieldValidation:boolean disableSystemNotesForCustomFields:boolean "
            + "ignoreReadOnlyFields:boolean runServerSuiteScriptAndTriggerWorkflows:boolean",
        "SearchPreferences | bodyFieldsOnly:boolean returnSearchColumns:boolean pageSize:int",
        "WriteResponse | ^core:status baseRef:core:BaseRef", "WriteResponseList | ^core:status writeResponse:WriteResponse*",
        "ReadResponse | ^core:status record:core:Record", "ReadResponseList | ^core:status readResponse:ReadResponse*",
        "AddRequest | record:core:Record", "AddListRequest | record:core:Record*", "UpdateRequest | record:core:Record",
        "UpdateListRequest | record:core:Record*",
        "UpsertRequest | record:core:Record", "UpsertListRequest | record:core:Record*", "DeleteRequest | baseRef:core:BaseRef",
        "DeleteListRequest | baseRef:core:BaseRef*", "GetRequest | baseRef:core:BaseRef", "GetListRequest | baseRef:core:BaseRef*",
        "GetAllRequest | record:core:GetAllRecord", "SearchRequest | searchRecord:core:SearchRecord", "SearchMoreWithIdRequest | searchId:string pageIndex:int",
        "InitializeRequest | initializeRecord:core:InitializeRecord", "GetDeletedRequest | getDeletedFilter:core:GetDeletedFilter pageIndex:int",
        "GetServerTimeRequest |", "GetDataCenterUrlsRequest | account:string",
        "GetResponse | readResponse:ReadResponse", "GetListResponse | readResponseList:ReadResponseList", "InitializeResponse | readResponse:ReadResponse",
        "GetAllResponse | ^core:getAllResult", "SearchResponse | ^core:searchResult",
        "SearchMoreWithIdResponse | ^core:searchResult", "GetDeletedResponse | ^core:getDeletedResult",
        "GetServerTimeResponse | ^core:getServerTimeResult",
        "GetDataCenterUrlsResponse | ^core:getDataCenterUrlsResult",
    ] + ["Add", "Update", "Upsert", "Delete"].flatMap { verb in
        ["\(verb)Response | writeResponse:WriteResponse", "\(verb)ListResponse | writeResponseList:WriteResponseList"]
    }

    /// Elements that messages take from the core.
    static let shared = ["Status", "SearchResult", "GetAllResult", "GetDeletedResult", "GetServerTimeResult", "GetDataCenterUrlsResult"]

    static let elements: [(String, String)] = operations.flatMap { name -> [(String, String)] in
        let type = name.prefix(1).uppercased() + name.dropFirst()
        return [(name, "tns:\(type)Request"), ("\(name)Response", "tns:\(type)Response")]
    } + [
        ("documentInfo", "tns:DocumentInfo"), ("applicationInfo", "tns:ApplicationInfo"), ("partnerInfo", "tns:PartnerInfo"),
        ("preferences", "tns:Preferences"), ("searchPreferences", "tns:SearchPreferences"), ("tokenPassport", "core:TokenPassport"),
    ]
}

internal import Kernel
internal import Wire

/// The service document and `$metadata`: what the twin has, in the vendor's form for either version.
enum B1Metadata {
    static func service(_ call: B1Call) -> HTTPResponse {
        let sets: [JSON] = B1Schema.sets.keys.sorted().map { .object([("name", .string($0)), ("kind", "EntitySet"), ("url", .string($0))]) }
        let mark = call.version == .four ? "@odata.context" : "odata.metadata"
        return B1Answer.json(200, .object([(mark, .string(call.root + "$metadata")), ("value", .array(sets))]), call.version)
    }

    static func document(_ call: B1Call, _ userFields: [String: [B1Property]]) -> HTTPResponse {
        var writer = XMLWriter(declaration: true)
        let isFour = call.version == .four
        let edmx = isFour ? "http://docs.oasis-open.org/odata/ns/edmx" : "http://schemas.microsoft.com/ado/2007/06/edmx"
        writer.start("edmx:Edmx", [("Version", isFour ? "4.0" : "1.0"), ("xmlns:edmx", edmx)])
        if isFour {
            writer.start("edmx:DataServices")
        } else {
            let m = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
            writer.start("edmx:DataServices", [("m:DataServiceVersion", "3.0"), ("m:MaxDataServiceVersion", "3.0"), ("xmlns:m", m)])
        }
        writer.start("Schema", [("Namespace", "SAPB1"), ("xmlns", isFour ? "http://docs.oasis-open.org/odata/ns/edm" : "http://schemas.microsoft.com/ado/2009/11/edm")])
        enumerations(&writer, isFour)
        types(&writer, isFour, userFields)
        if isFour { actions(&writer) }
        container(&writer, isFour)
        for _ in 0..<3 { writer.end() }
        var fields: HTTPFields = ["Content-Type": "application/xml;charset=utf-8"]
        fields[call.version.header.name] = call.version.header.value
        return HTTPResponse(200, fields: fields, body: writer.bytes)
    }

    private static func enumerations(_ writer: inout XMLWriter, _ isFour: Bool) {
        for (name, members) in B1Schema.choices.sorted(by: { $0.key < $1.key }) {
            writer.start("EnumType", isFour ? [("IsFlags", "false"), ("Name", name), ("UnderlyingType", "Edm.Int32")] : [("Name", name)])
            for (place, member) in members.enumerated() {
                writer.start("Member", isFour ? [("Name", member.name), ("Value", "\(place)")] : [("Name", member.name)])
                writer.end()
            }
            writer.end()
        }
    }

    private static func edm(_ kind: B1Kind, _ isFour: Bool) -> String {
        switch kind {
        case .text: "Edm.String"
        case .int: "Edm.Int32"
        case .double: "Edm.Double"
        case .date: isFour ? "Edm.DateTimeOffset" : "Edm.DateTime"
        case .time: isFour ? "Edm.TimeOfDay" : "Edm.Time"
        case .choice(let name): "SAPB1.\(name)"
        case .list(let name): "Collection(SAPB1.\(name))"
        }
    }

    private static func types(_ writer: inout XMLWriter, _ isFour: Bool, _ userFields: [String: [B1Property]]) {
        let keys = Dictionary(B1Schema.sets.values.sorted { $0.name < $1.name }.map { ($0.type.name, $0) }) { first, _ in first }
        let lines = ["DocumentLine": "INV1", "JournalEntryLine": "JDT1"]
        for type in B1Schema.types.values.sorted(by: { $0.name < $1.name }) {
            let set = keys[type.name]
            writer.start(set == nil ? "ComplexType" : "EntityType", [("Name", type.name), ("OpenType", "true")])
            if let set {
                writer.start("Key")
                for key in set.keys {
                    writer.start("PropertyRef", [("Name", key)])
                    writer.end()
                }
                writer.end()
            }
            let extra = userFields[set?.fieldTable ?? lines[type.name] ?? ""] ?? []
            for property in type.properties + extra {
                let required = set?.keys.contains(property.name) == true ? [("Nullable", "false")] : []
                writer.start("Property", [("Name", property.name)] + required + [("Type", edm(property.kind, isFour))])
                writer.end()
            }
            writer.end()
        }
        writer.start("ComplexType", [("Name", "B1Session")])
        for (name, type) in [("SessionId", "Edm.String"), ("Version", "Edm.String"), ("SessionTimeout", "Edm.Int32")] {
            writer.start("Property", [("Name", name), ("Type", type)])
            writer.end()
        }
        writer.end()
    }

    private static let bound: [(name: String, type: String, gives: String?)] = [
        ("Cancel", "Document", nil), ("Close", "Document", nil), ("Reopen", "Document", nil), ("CreateCancellationDocument", "Document", "SAPB1.Document"),
        ("Cancel", "Payment", nil), ("Cancel", "JournalEntry", nil),
    ]

    private static func actions(_ writer: inout XMLWriter) {
        for (name, type, gives) in bound {
            writer.start("Action", [("IsBound", "true"), ("Name", name)])
            writer.start("Parameter", [("Name", "\(type)Params"), ("Type", "SAPB1.\(type)")])
            writer.end()
            if let gives {
                writer.start("ReturnType", [("Type", gives)])
                writer.end()
            }
            writer.end()
        }
        writer.start("Action", [("Name", "Login")])
        for name in ["CompanyDB", "UserName", "Password", "Language"] {
            writer.start("Parameter", [("Name", name), ("Type", "Edm.String")])
            writer.end()
        }
        writer.start("ReturnType", [("Type", "SAPB1.B1Session")])
        writer.end()
        writer.end()
        writer.start("Action", [("Name", "Logout")])
        writer.end()
    }

    private static func container(_ writer: inout XMLWriter, _ isFour: Bool) {
        writer.start("EntityContainer", [("Name", "ServiceLayer")])
        for set in B1Schema.sets.values.sorted(by: { $0.name < $1.name }) {
            writer.start("EntitySet", [("EntityType", "SAPB1.\(set.type.name)"), ("Name", set.name)])
            if isFour, set.hasVersion {
                writer.start("Annotation", [("Term", "Org.OData.Core.V1.OptimisticConcurrency")])
                writer.start("Collection")
                writer.element("PropertyPath", "DataVersion")
                writer.end()
                writer.end()
            }
            writer.end()
        }
        for name in ["Login", "Logout"] {
            writer.start(isFour ? "ActionImport" : "FunctionImport", isFour ? [("Action", "SAPB1.\(name)"), ("Name", name)] : [("Name", name)])
            writer.end()
        }
        writer.end()
    }
}

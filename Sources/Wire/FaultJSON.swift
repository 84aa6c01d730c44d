public import Kernel

extension Fault {
    /// The form kept in `fault` columns and shown by the API.
    public var json: JSON {
        var members: [(key: String, value: JSON)] = [
            ("code", .string(code)), ("stage", .string(stage.rawValue)), ("disposition", .string(disposition.rawValue)), ("summary", .string(summary)),
        ]
        if !remedy.isEmpty { members.append(("remedy", .string(remedy))) }
        if let position { members.append(("position", .string(position))) }
        if let underlying { members.append(("underlying", .string(underlying))) }
        return .object(members)
    }
}

internal import FoundationEssentials
public import ConnectorKit
public import Kernel
public import Wire

/// A file of the folder `Fixtures` beside the test that asks.
/// - Throws: where there is none, and `malformed_json`.
public func fixture(_ name: String, beside file: String = #filePath) throws -> JSON {
    var folder = URL(filePath: file).resolvingSymlinksInPath()
    folder.deleteLastPathComponent()
    return try JSON(parsing: Array(try Data(contentsOf: folder.appending(path: "Fixtures/\(name).json"))))
}

/// - Throws: `malformed_json`.
public func json(_ text: String) throws(Fault) -> JSON { try JSON(parsing: Array(text.utf8)) }

/// What a call says.
/// - Throws: `malformed_json`.
public func body(_ call: Call) throws(Fault) -> JSON { try JSON(parsing: call.request.body) }

extension JSON {
    /// The value at that place changed, or the member taken away; elements of lists are named by their number.
    public func changing(_ path: String..., to value: JSON?) -> JSON { changing(path[...], value) }

    private func changing(_ path: ArraySlice<String>, _ value: JSON?) -> JSON {
        guard let first = path.first else { return value ?? .null }
        if var elements = array, let at = Int(first), elements.indices.contains(at) {
            elements[at] = elements[at].changing(path.dropFirst(), value)
            return .array(elements)
        }
        if path.count == 1, value == .none { return .object((object ?? []).filter { $0.key != first }) }
        return setting(first, (self[first] ?? [:]).changing(path.dropFirst(), value))
    }
}

internal import Crypto
internal import Kernel
internal import Wire

extension Endpoints {
    static let description: [Endpoint] = [
        Endpoint(.get, "/openapi.json", .open, About(
            "This description", "OpenAPI 3.1, written of the declarations by which the program reads requests. It changes with the program only: keep it by its `ETag`.",
            .openAPI, .empty(304, "It is as the `ETag` in `If-None-Match` says.")), .now { visit in
                let page = visit.desk.description
                let fields: HTTPFields = ["ETag": page.tag, "Cache-Control": "no-cache"]
                if page.isKnown(to: visit.request) { return HTTPResponse(304, fields: fields) }
                var out = HTTPResponse(200, fields: fields, body: page.bytes)
                out.fields["Content-Type"] = "application/json"
                return out
            }),
    ]
}

extension Reply {
    fileprivate static var openAPI: Reply {
        var out = json(200, .free, "The description.")
        out.fields = [("ETag", "Changes when the description does.")]
        return out
    }
}

/// The description as it is sent: written when it is first asked for.
final class DescriptionPage: Sendable {
    struct Page: Sendable {
        var bytes: [UInt8]
        /// With its quotes.
        var tag: String

        /// Whether the asker has it already.
        func isKnown(to request: HTTPRequest) -> Bool {
            let known: [String] = [tag, "W/\(tag)", "*"]
            return request.fields.all("If-None-Match").contains { field in
                field.split(separator: ",").contains { known.contains(String($0.filter { $0 != " " })) }
            }
        }
    }

    private let version: String
    private let written = Locked<Page?>(nil)

    init(version: String) { self.version = version }

    var page: Page {
        written.with { written in
            if let written { return written }
            let bytes = OpenAPI(version: version, groups: Endpoints.groups).json.bytes
            let page = Page(bytes: bytes, tag: "\"\(Digest.sha256(bytes).hexText.prefix(32))\"")
            written = page
            return page
        }
    }
}

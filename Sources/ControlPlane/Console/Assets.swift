internal import Crypto
internal import Kernel
internal import Wire

/// Files that pages ask for. They are part of the program, so a server is one file and no folder can be forgotten.
enum Assets {
    static let endpoints = [
        file("/assets/console.css", "text/css; charset=utf-8", Array(ConsoleStyle.css.utf8)),
        file("/assets/console.js", "text/javascript; charset=utf-8", Array(ConsoleScript.js.utf8)),
        file("/assets/mark.svg", "image/svg+xml", Array(icon.utf8)),
    ]

    /// In the address of the file: another content is another address, so browsers may keep what they have.
    static let styleTag = tag(Array(ConsoleStyle.css.utf8))
    static let scriptTag = tag(Array(ConsoleScript.js.utf8))

    private static func tag(_ bytes: [UInt8]) -> String { String(Digest.sha256(bytes).hexText.prefix(16)) }

    private static func file(_ path: String, _ type: String, _ bytes: [UInt8]) -> Endpoint {
        let etag = "\"\(tag(bytes))\""
        return Endpoint(.get, path, .open, Shell.about, .now { visit in
            let fields: HTTPFields = ["Content-Type": type, "Cache-Control": "public, max-age=86400", "ETag": etag]
            if visit.request.fields["If-None-Match"] == etag { return HTTPResponse(304, fields: fields) }
            return HTTPResponse(200, fields: fields, body: bytes)
        })
    }

    private static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6b57"/><path d="M6 8h7v16H6z" fill="#bfe5da"/>\
        <path d="M16 8h10v16H16z" fill="#fff"/><path d="M18.5 16.5l2 2 3.5-4.5" fill="none" stroke="#0b6b57" stroke-width="2"/></svg>
        """
}

/// Everything that the console answers.
enum Console {
    static let endpoints: [Endpoint] = SignIn.endpoints + Assets.endpoints + [Feed.endpoint, FleetPage.endpoint, InboxPage.endpoint, WatchPage.endpoint, ProofsPage.endpoint]
        + TenantPage.endpoints + CausePage.endpoints + DocumentPage.endpoints + ConnectionPage.endpoints + AlertsPage.endpoints + RulesPage.endpoints + ReflectionsPage.endpoints + PasswordPage.endpoints
}

# Built with Node's own image, so the Node that npm would install is not needed, and nothing is compiled.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.ts ./scripts/
COPY src ./src
COPY routes ./routes
COPY tools ./tools
RUN node scripts/build.ts && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
# glibc gives memory back at once: by default it keeps tens of MB after images and other long requests.
ENV NODE_ENV=production \
    MALLOC_TRIM_THRESHOLD_=131072 \
    HERMES_HOME=/data \
    API_SERVER_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir /data /workspace && chown node:node /data /workspace
USER node
VOLUME /data
# What the agent works on: mount it here.
WORKDIR /workspace
EXPOSE 8642
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.API_SERVER_PORT || 8642}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "/app/dist/hermes.js"]
CMD ["serve"]
